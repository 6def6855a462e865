"""What may go and why, what stays and why: a report that removes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from dashtools.config import Config, Storage
from dashtools.devices.garbage import dead_attempts
from dashtools.devices.pins import pinned
from dashtools.devices.recorded import Needed, Record, Recorded
from dashtools.devices.storages import inside, mounted_root
from dashtools.errors import BadInput, TryLater
from dashtools.files import sha256_of
from dashtools.model import FileRef, Task
from dashtools.spool.queue import Spool
from dashtools.times import from_seconds

IDLE_LIMIT = timedelta(days=30)
_POLICY_OF_TYPE = {"PREPROCESS_VIDEO": "preproc_data", "HEAVY_PROCESS_VIDEO": "heavy_output"}
_KIND_OF_POLICY = {"raw_videos": "raw", "preproc_data": "preproc", "heavy_output": "heavy_output"}
_FIRST_TO_GO = ("garbage", "heavy_output", "preproc_data", "raw_videos")


@dataclass(frozen=True)
class Unit:
    """What goes or stays as one: an original, or the output folder of one attempt."""

    policy: str
    """raw_videos, preproc_data, heavy_output or garbage."""
    storage: str
    path: str
    """Relative to the storage: the original, or the folder."""
    video_id: str
    task_id: str
    recorded_at: datetime
    files: tuple[FileRef, ...] = ()
    size_bytes: int = 0
    record: Record | None = None
    archive: Record | None = None
    unmissed: str | None = None
    """Why nobody would miss this original: it goes before others of its policy."""


@dataclass(frozen=True)
class Verdict:
    """A unit, whether it may go, and the reason for either."""

    unit: Unit
    may_go: bool
    reason: str
    is_only_young: bool = False
    """Does it stay for its age alone? Then it may go where room is needed."""


@dataclass(frozen=True)
class Rules:
    """Days by policy (None: never), and how much must be free on each storage."""

    days: Mapping[str, float | None]
    min_free_bytes: int = 0
    storages: tuple[str, ...] = ()
    """Only these; all that this host may write when empty."""
    video_ids: frozenset[str] | None = None
    """Only what belongs to these clips; None: to any."""


def check_clock(host: datetime, server: datetime, newest: Record | None, *, is_sure: bool = False) -> None:
    """Refuses (TryLater) to judge ages by a clock that is off; `is_sure` lets a long silence pass."""
    if abs(host - server) > timedelta(days=1):
        raise TryLater(f"this host's clock says {host:%Y-%m-%d %H:%M}, the file server's {server:%Y-%m-%d %H:%M}")
    if newest is None:
        return
    if host < newest.completed_at:
        raise TryLater(
            f"this host's clock says {host:%Y-%m-%d %H:%M}, but {newest.path} was completed later, at "
            f"{newest.completed_at:%Y-%m-%d %H:%M}: one clock is wrong, so nothing is removed"
        )
    if host - newest.completed_at > IDLE_LIMIT and not is_sure:
        raise TryLater(
            f"nothing was completed for {(host - newest.completed_at).days} days, or this clock is ahead; "
            "if the date is right: --clock-is-right"
        )


@dataclass(frozen=True)
class Judge:
    """Tells what may go from this host's storages, by what the spool's records say."""

    spool: Spool
    config: Config
    rules: Rules
    recorded: Recorded
    needed: Needed
    now: datetime

    def verdicts(self) -> list[Verdict]:
        """Every unit that is there, in the order in which they would go."""
        pins = pinned(self.spool)
        units: dict[str, list[Unit]] = {}
        for unit in _units(self.recorded):
            if self.rules.video_ids is not None and unit.video_id not in self.rules.video_ids:
                continue
            units.setdefault(unit.storage, []).append(unit)
        found: list[Verdict] = []
        for storage in self.config.storages.values():
            if self.rules.storages and storage.name not in self.rules.storages:
                continue
            own = units.get(storage.name, [])
            if storage.is_read_only:
                found += [Verdict(unit, False, "its storage is read-only") for unit in own]
            elif storage.root is not None:
                root = mounted_root(storage)
                there = [unit for unit in own if _is_there(root, unit)]
                there += self._dead_units(storage, root) if self.rules.video_ids is None else []
                judged = [self._verdict(unit, unit.video_id in pins) for unit in there]
                found += self._with_room(judged, root)
        return sorted(found, key=_order)

    def reason_to_stay(self, unit: Unit, is_pinned: bool) -> str | None:
        """Why a unit must not go whatever its age, or None."""
        storage = self.config.storage(unit.storage)
        if storage.is_read_only:
            return "its storage is read-only"
        if is_pinned:
            return "pinned"
        if unit.task_id in self.needed.task_ids or unit.video_id in self.needed.video_ids:
            return "a pending task works on this clip"
        if any((ref.device, ref.path) in self.needed.files for ref in unit.files):
            return "a pending task names it"
        if unit.policy == "garbage":
            return None
        if unit.video_id in self.recorded.exempt:
            return self.recorded.exempt[unit.video_id]
        kind = _KIND_OF_POLICY[unit.policy]
        folder = storage.kinds.get(kind, kind).strip("/")
        if not unit.path.startswith(folder + "/"):
            return f"it is not in {folder}/ of its storage"
        if unit.archive is None or unit.record is None:
            return "not archived"
        return "made again since it was archived" if unit.archive.completed_at < unit.record.completed_at else None

    def age_verdict(self, unit: Unit, now: datetime) -> Verdict:
        """What the policy says, nothing else being against it."""
        days = (now - unit.recorded_at) / timedelta(days=1)
        limit = 1.0 if unit.policy == "garbage" else self.rules.days.get(unit.policy)
        if limit is None:
            return Verdict(unit, False, f"{unit.policy} are kept for ever")
        limit = max(limit, 1.0)
        if days < limit:
            return Verdict(unit, False, f"{days:.1f} days old, kept for {limit:g}", is_only_young=days >= 1.0)
        words = "no record names it" if unit.policy == "garbage" else f"{unit.policy} are kept for {limit:g} days"
        return Verdict(unit, True, f"{days:.1f} days old: {words}")

    def _verdict(self, unit: Unit, is_pinned: bool) -> Verdict:
        stays = self.reason_to_stay(unit, is_pinned)
        if stays is not None:
            return Verdict(unit, False, stays)
        verdict = self.age_verdict(unit, self.now)
        lacks = archive_lacks(self.config, unit) if verdict.may_go or verdict.is_only_young else None
        return verdict if lacks is None else Verdict(unit, False, lacks)

    def _with_room(self, judged: list[Verdict], root: Path) -> list[Verdict]:
        """More that may go, oldest first, until as much would be free as is asked for."""
        going_bytes = sum(v.unit.size_bytes for v in judged if v.may_go)
        lacking = self.rules.min_free_bytes - shutil.disk_usage(root).free - going_bytes
        found: list[Verdict] = []
        for verdict in sorted(judged, key=_order):
            if lacking > 0 and verdict.is_only_young:
                days = (self.now - verdict.unit.recorded_at) / timedelta(days=1)
                words = f"{days:.1f} days old: room is needed on {verdict.unit.storage}"
                words += f", and {verdict.unit.unmissed}" if verdict.unit.unmissed else ""
                verdict = Verdict(verdict.unit, True, words, is_only_young=True)
                lacking -= verdict.unit.size_bytes
            found.append(verdict)
        return found

    def _dead_units(self, storage: Storage, root: Path) -> list[Unit]:
        """Folders of attempts whose task is over and whose number no record names."""
        units = []
        for kind in ("ingest", "preproc", "heavy_output", "archive", "final", "exec"):
            folder = storage.kinds.get(kind, kind).strip("/")
            for path, task_id, attempt, newest_s, size in dead_attempts(root, folder):
                named = self.recorded.named.get(task_id)
                if named is None or attempt in named:
                    continue  # a task that is not known here may be another spool's
                at = from_seconds(newest_s)
                units.append(Unit("garbage", storage.name, path, path.split("/")[-2], task_id, at, (), size))
        return units


def _order(verdict: Verdict) -> tuple[int, bool, datetime, str]:
    unit = verdict.unit
    return _FIRST_TO_GO.index(unit.policy), unit.unmissed is None, unit.recorded_at, unit.path


def _units(recorded: Recorded) -> Iterator[Unit]:
    """Originals and attempt folders that records name and a policy speaks of."""
    for record in recorded.records:
        task, at = record.task, record.completed_at
        archive = recorded.archives.get(task.video_id)
        if task.task_type == "INGEST_VIDEO" and (video := task.input("video")) is not None:
            is_current = recorded.ingests.get(task.video_id) is record
            at = max(at, archive.completed_at) if archive and is_current else at
            unit = _unit("raw_videos", video.path, at, record, (video,), archive)
            yield replace(unit, unmissed=recorded.unmissed.get(task.video_id))
        elif task.task_type in _POLICY_OF_TYPE and task.outputs:
            folder = attempt_folder(task)
            if folder is not None:
                yield _unit(_POLICY_OF_TYPE[task.task_type], folder, at, record, task.outputs, archive)


def _unit(
    policy: str, path: str, at: datetime, record: Record, files: tuple[FileRef, ...], archive: Record | None
) -> Unit:
    size_bytes = sum(ref.size_bytes or 0 for ref in files)
    task = record.task
    return Unit(policy, files[0].device, path, task.video_id, task.task_id, at, files, size_bytes, record, archive)


def attempt_folder(task: Task) -> str | None:
    """<kind>/<video>/<task>.aNN of a task's outputs; None when they do not all lie in one such folder."""
    tail = f"/{task.video_id}/{task.task_id}.a{task.attempt:02d}"
    head, found, _ = task.outputs[0].path.partition(tail + "/")
    folder, storage = head + tail, task.outputs[0].device
    is_one = found and all(ref.path.startswith(folder + "/") and ref.device == storage for ref in task.outputs)
    return folder if is_one else None


def _is_there(root: Path, unit: Unit) -> bool:
    try:
        return inside(root, unit.path).exists()
    except (BadInput, OSError):
        return False


def archive_lacks(config: Config, unit: Unit, *, is_thorough: bool = False) -> str | None:
    """What is wrong with the archive copy of a unit's clip, by sizes or (thorough) by reading every byte; or None."""
    if unit.archive is None:
        return None
    outputs = unit.archive.task.outputs
    if not any(ref.type == "manifest" for ref in outputs) or any(ref.sha256 is None for ref in outputs):
        return "its archive copy has no manifest or no digests"
    for ref in outputs:
        try:
            path = inside(mounted_root(config.storage(ref.device)), ref.path)
            if path.stat().st_size != ref.size_bytes or (is_thorough and sha256_of(path) != ref.sha256):
                return f"{ref.path} of its archive copy is not what was archived"
        except (TryLater, BadInput) as error:
            return f"its archive copy cannot be looked at: {error}"
        except OSError as error:
            return f"{ref.path} of its archive copy cannot be read: {error.strerror}"
    return None
