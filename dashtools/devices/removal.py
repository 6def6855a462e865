"""The one place where something is deleted for good; every guard is asked again at that moment."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dashtools.devices import pins
from dashtools.devices.garbage import extent
from dashtools.devices.retention import Judge, Unit, Verdict, archive_lacks, check_clock
from dashtools.devices.storages import inside, mounted_root
from dashtools.errors import BadInput, OutputRefused
from dashtools.files import refusals, sha256_of, sync_folder
from dashtools.log import LOGGER
from dashtools.model import Json
from dashtools.spool.queue import Spool
from dashtools.times import from_seconds, to_text, utc_now


@dataclass(frozen=True)
class Removed:
    """What became of a verdict: removed, or refused and why."""

    is_removed: bool
    reason: str


def remove(judge: Judge, verdict: Verdict, *, is_clock_sure: bool = False) -> Removed:
    """Removes a unit that may go, leaving a tombstone; the refusal says what changed since the report.

    Ended at any point, it leaves the unit whole or in part and a stone without `removed_at`; the next run goes on.
    TryLater when the storage is away or the clock is off: then nothing else can be removed either.
    """
    unit = verdict.unit
    root = mounted_root(judge.config.storage(unit.storage))
    host = utc_now()
    check_clock(host, server_time(judge.spool), judge.recorded.newest, is_sure=is_clock_sure)
    refusal = _refusal(judge, verdict, root, host)
    if refusal is not None:
        LOGGER.warning("%s %s stayed: %s", unit.storage, unit.path, refusal)
        return Removed(False, refusal)
    stone = _stone(verdict)
    with contextlib.suppress(OutputRefused):  # the spool's disk is full: room comes first
        pins.write_tombstone(judge.spool, unit_id(unit), stone)
    mounted_root(judge.config.storage(unit.storage))
    with refusals(root / unit.path):
        _delete(root, unit)
    pins.write_tombstone(judge.spool, unit_id(unit), {**stone, "removed_at": to_text(utc_now())})
    LOGGER.info("%s %s was removed: %s", unit.storage, unit.path, verdict.reason)
    return Removed(True, verdict.reason)


def unit_id(unit: Unit) -> str:
    """The name of a unit's tombstone."""
    return hashlib.blake2b(f"{unit.storage}\0{unit.path}".encode(), digest_size=12).hexdigest()


def server_time(spool: Spool) -> datetime:
    """The file server's clock; on a full disk by touching VERSION, which needs no room."""
    try:
        return spool.now()
    except OutputRefused:
        version = spool.root / "VERSION"
        os.utime(version)
        return from_seconds(version.stat().st_mtime)


def _refusal(judge: Judge, verdict: Verdict, root: Path, now: datetime) -> str | None:
    """Why the unit must not go now, or None."""
    unit = verdict.unit
    judge.needed.look()
    stays = judge.reason_to_stay(unit, pins.is_pinned(judge.spool, unit.video_id))
    if stays is not None:
        return stays
    age = judge.age_verdict(unit, now)
    if not age.may_go and not (verdict.is_only_young and age.is_only_young):
        return age.reason
    if unit.record is not None and not _stands(judge.spool, unit):
        return "its record is not there any more: the task was requeued"
    return _path_refusal(root, unit) or archive_lacks(judge.config, unit, is_thorough=True)


def _stands(spool: Spool, unit: Unit) -> bool:
    assert unit.record is not None
    records = [unit.record] + ([unit.archive] if unit.archive else [])
    try:
        for record in records:
            spool.files.mtime_ns(record.path)
    except FileNotFoundError:
        return False
    return True


def _path_refusal(root: Path, unit: Unit) -> str | None:
    """Is it really that file or folder inside the root, reached without a symbolic link, and unchanged?"""
    try:
        path = inside(root, unit.path)
        found = path.lstat()
    except BadInput as error:
        return str(error)
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    if path.is_symlink() or path.resolve() != root.resolve() / unit.path:
        return "a symbolic link is on its way"
    if unit.policy == "garbage" and from_seconds(extent(path)[0]) > unit.recorded_at:
        return "something was written into it since"
    if unit.policy != "raw_videos":
        return None if path.is_dir() else "it is not a folder"
    if not path.is_file() or found.st_size != unit.files[0].size_bytes:
        return "it is not the file that was taken in: another size"
    if unit.files[0].sha256 is None or sha256_of(path) != unit.files[0].sha256:
        return "it is not the file that was taken in: other bytes"
    return None


def _delete(root: Path, unit: Unit) -> None:
    path = root / unit.path
    if unit.policy == "garbage":
        shutil.rmtree(path)
    elif unit.policy == "raw_videos":
        path.unlink()
    else:
        _delete_named(root, unit)
    if unit.policy != "raw_videos":
        with contextlib.suppress(OSError):
            path.parent.rmdir()  # the video's folder, if that was all
    if path.parent.is_dir():
        sync_folder(path.parent)


def _delete_named(root: Path, unit: Unit) -> None:
    """Removes what the record names and then the folders that are empty: a stranger's file there stays."""
    for ref in unit.files:
        inside(root, ref.path).unlink(missing_ok=True)
    folders = {(root / ref.path).parent for ref in unit.files} | {root / unit.path}
    for folder in sorted(folders, key=lambda f: len(f.parts), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _stone(verdict: Verdict) -> Json:
    unit = verdict.unit
    return {
        "schema": "removed/1",
        "policy": unit.policy,
        "video_id": unit.video_id,
        "task_id": unit.task_id,
        "storage": unit.storage,
        "path": unit.path,
        "size_bytes": unit.size_bytes,
        "files": [ref.to_json() for ref in unit.files],
        "reason": verdict.reason,
        "began_at": to_text(utc_now()),
    }
