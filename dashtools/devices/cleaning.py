"""CLEANUP_STORAGE tasks: a full disk asks, retention makes room within its policies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dashtools.config import Config
from dashtools.devices.storages import mounted_root
from dashtools.errors import DashtoolsError, OutputRefused, TryLater
from dashtools.interrupts import uninterrupted
from dashtools.log import LOGGER
from dashtools.model import Json, with_changes
from dashtools.spool.cleanup import CLEANUP
from dashtools.spool.presence import Presence
from dashtools.spool.queue import Claim, Spool
from dashtools.times import to_text, utc_now

RETRY_S = 900.0


def work_cleanups(spool: Spool, config: Config, clean: Callable[[str], Json]) -> list[Path]:
    """Takes every ready CLEANUP_STORAGE task of a storage that this host writes; the records of those that it did.

    `clean` makes room on the storage of that name and says what it did; the task is complete even when that was not
    enough, for tomorrow asks again.
    """
    lease_s = float(config.global_settings["lease_seconds"])
    presence = Presence(spool.files, spool.me, lease_s=lease_s, about={"task_types": [CLEANUP]})
    _enter(presence)
    done: list[Path] = []
    held: Claim | None = None
    try:
        for entry in [entry for entry in spool.pending(CLEANUP) if entry.state == "ready"]:
            with uninterrupted():
                held = spool.claim_entry(entry)
            if held is None:
                continue
            path = _one(spool, config, held, clean)
            held = None
            done += [path] if path is not None else []
    finally:
        with uninterrupted():
            if held is not None:
                spool.release(held, reason={"event": "interrupted", "message": "dc-retain was ended"})
            presence.leave()
    return done


def _enter(presence: Presence) -> None:
    try:
        presence.enter()
    except OutputRefused as error:  # the spool's disk is full; our pid on this host still shows that we live
        LOGGER.warning("no heartbeat: %s", error)


def _one(spool: Spool, config: Config, claim: Claim, clean: Callable[[str], Json]) -> Path | None:
    """The record of a claimed task; None when it was given back, for this host cannot do it."""
    name = str(claim.task.metadata.get("storage", ""))
    try:
        storage = config.storage(name)
        if storage.is_read_only:
            raise TryLater(f"storage {name!r} is read-only on this host")
        mounted_root(storage)
        told = clean(name)
    except DashtoolsError as error:
        spool.release(claim, reason={"event": "waited", "message": str(error)}, delay_s=RETRY_S)
        LOGGER.warning("%s was given back: %s", claim.entry.task_id, error)
        return None
    metadata = {**claim.task.metadata, **told}
    final = with_changes(claim.task, state="complete", completed_at=to_text(utc_now()), metadata=metadata)
    with uninterrupted():
        return spool.commit(claim, final)
