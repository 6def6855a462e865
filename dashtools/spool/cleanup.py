"""Asking for room: one CLEANUP_STORAGE task for a full storage and day."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from dashtools.model import Task
from dashtools.spool import task as tasks
from dashtools.spool.queue import Spool

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
