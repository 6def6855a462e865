"""Asking for room: one CLEANUP_STORAGE task for a full storage and day."""

from __future__ import annotations

import errno
import os
from datetime import datetime
from pathlib import Path

from dashtools.errors import DashtoolsError, OutputRefused
from dashtools.log import LOGGER
from dashtools.model import Task
from dashtools.spool import task as tasks
from dashtools.spool.queue import Spool
from dashtools.times import utc_now

CLEANUP = "CLEANUP_STORAGE"


def ask_for_room(spool: Spool, storage: str, now: datetime, *, wanted_bytes: int | None = None) -> Path | None:
    """Publishes the task that dc-retain takes; None when this storage's task of the day was published before.

    OutputRefused when the spool's own disk is the full one.
    """
    day = now.strftime("%Y-%m-%d")
    metadata = {"storage": storage, "day": day}
    if wanted_bytes is not None:
        metadata["wanted_bytes"] = str(wanted_bytes)
    task_id = tasks.root_id(f"cleanup:{storage}:{day}")
    return spool.publish(Task(task_id, CLEANUP, video_id=f"storage-{storage}"[:64], priority=0, metadata=metadata))


_FULL = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT))


def is_full(error: BaseException | None) -> bool:
    """Does the error say that a disk or a quota is full? Read-only and forbidden are other matters.

    >>> is_full(OutputRefused("cannot write x: No space left on device")), is_full(None)
    (True, False)
    """
    return isinstance(error, OutputRefused) and any(words in str(error) for words in _FULL)


def room_was_refused(spool: Spool, storage: str, root: Path, error: BaseException | None) -> None:
    """Asks for room and tells the operator, both once for a storage and day, where the error says that it is full.

    Nobody is asked when the disk is the spool's own, for no policy lets anything go there; who gave its reserve up told
    the operator. Never raises what a full disk does.
    """
    if not is_full(error) or _is_the_spools_own(spool, root, str(error)):
        return
    try:
        path = ask_for_room(spool, storage, utc_now())
    except (DashtoolsError, OSError) as trouble:
        LOGGER.error("storage %s is full, and room cannot be asked for: %s", storage, trouble)
        return
    if path is not None:
        LOGGER.error("storage %s is full; room was asked for: %s", storage, path)


def _is_the_spools_own(spool: Spool, root: Path, words: str) -> bool:
    """Does the error name a file of the spool, on another disk than the storage's?"""
    if f"{spool.root}/" not in words:
        return False
    try:
        return os.stat(spool.root).st_dev != os.stat(root).st_dev
    except OSError:
        return False
