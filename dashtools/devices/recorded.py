"""What the spool's records say of the files on the storages: who made them, who still needs them, who is exempt."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from dashtools.devices.clip_rows import Watched, exemption, is_stationary, rows_of
from dashtools.errors import BadInput, TryLater
from dashtools.model import Task
from dashtools.spool import layout, scan
from dashtools.spool import task as tasks
from dashtools.spool.layout import Entry
from dashtools.spool.queue import Spool
from dashtools.times import from_text


@dataclass(frozen=True)
class Record:
    """A completed task and where its record lies."""

    path: str
    task: Task
    completed_at: datetime


@dataclass
class Needed:
    """What tasks that are not over still refer to; looking again costs a listing and the new names only."""

    spool: Spool
    video_ids: set[str] = field(default_factory=set)
    files: set[tuple[str, str]] = field(default_factory=set)
    task_ids: set[str] = field(default_factory=set)
    _seen: dict[str, Task] = field(default_factory=dict)

    def look(self) -> None:
        """Brings this up to date; TryLater while a pending task cannot be read, for it may need anything."""
        found: dict[str, Task] = {}
        for entry in [*self.spool.pending(), *_half_done(self.spool)]:
            task = self._seen.get(entry.path) or _pending_task(self.spool, entry)
            if task is not None:
                found[entry.path] = task
        self._seen = found
        self.video_ids = {task.video_id for task in found.values() if task.video_id}
        self.task_ids = {task.task_id for task in found.values()}
        self.files = {(ref.device, ref.path) for task in found.values() for ref in (*task.inputs, *task.outputs)}


@dataclass
class Recorded:
    """Every final record of a spool, by what retention asks of it."""

    records: list[Record] = field(default_factory=list)
    ingests: dict[str, Record] = field(default_factory=dict)
    archives: dict[str, Record] = field(default_factory=dict)
    """The newest archive of each video."""
    exempt: dict[str, str] = field(default_factory=dict)
    """Video to why nothing of it may go: the camera's flags, a watched plate, or that they are not known."""
    unmissed: dict[str, str] = field(default_factory=dict)
    """Video to why its original goes before others: it never moved, or nothing was seen in it."""
    readings: dict[str, Record] = field(default_factory=dict)
    """The newest HEAVY record of each video."""
    named: dict[str, set[int]] = field(default_factory=dict)
    """Task id to the attempts whose folders a record names."""
    newest: Record | None = None


def read_records(spool: Spool, watched: Watched | None = None) -> Recorded:
    """Reads every final record; those that are being activated, or moved on meanwhile, are passed over.

    Clips with a plate on the watch list are exempt where `watched` is given.
    """
    found = Recorded()
    for entry in spool.completed():
        record = _record(spool, entry)
        if record is None:
            continue
        task = record.task
        attempts = {int(e["attempt"]) for e in task.history if e.get("event") == "complete" and "attempt" in e}
        found.named[task.task_id] = attempts | ({entry.attempt} if task.error is None else set())
        if found.newest is None or record.completed_at > found.newest.completed_at:
            found.newest = record
        if task.error is None:
            _add(found, spool, entry, record)
    for record in found.readings.values():
        _add_plates(found, spool, record, watched)
    return found


def _add(found: Recorded, spool: Spool, entry: Entry, record: Record) -> None:
    video_id = record.task.video_id
    found.records.append(record)
    if entry.task_type == "INGEST_VIDEO":
        found.ingests[video_id] = record
        rows = rows_of(spool.rows(entry))
        reason = exemption(rows)
        if reason is not None:
            found.exempt[video_id] = reason
        if is_stationary(rows):
            found.unmissed[video_id] = "it never moved"
    elif entry.task_type == "HEAVY_PROCESS_VIDEO":
        reading = found.readings.get(video_id)
        if reading is None or reading.completed_at < record.completed_at:
            found.readings[video_id] = record
    elif entry.task_type == "ARCHIVE_VIDEO":
        before = found.archives.get(video_id)
        if before is None or before.completed_at < record.completed_at:
            found.archives[video_id] = record


def _record(spool: Spool, entry: Entry) -> Record | None:
    try:
        task = spool.load(entry)
        if task.state != "complete" or task.attempt != entry.attempt or task.completed_at is None:
            return None
        return Record(entry.path, task, from_text(task.completed_at))
    except (FileNotFoundError, BadInput, ValueError):
        return None  # what no record names is kept, so a record that cannot be read removes nothing


def _add_plates(found: Recorded, spool: Spool, record: Record, watched: Watched | None) -> None:
    """What the plates of a clip's newest reading mean for it."""
    video_id, count = record.task.video_id, record.task.metadata.get("sightings")
    if count == 0:
        found.unmissed.setdefault(video_id, "nothing was seen in it")
        return
    if watched is None or not watched.plates or video_id in found.exempt:
        return
    entry = layout.parse(record.path)
    rows = None if entry is None else rows_of(spool.rows(entry))
    if rows is None and count:
        found.exempt[video_id] = "its plates are not known"
    elif rows and watched.is_on(rows):
        found.exempt[video_id] = "a watched plate is in it"


def _half_done(spool: Spool) -> list[Entry]:
    """Records whose attempt is committed and not activated: their children are not in pending/ yet."""
    found = []
    staged = {parsed for name in spool.files.names("staging") if (parsed := layout.parse_staging(name))}
    for key, attempt in staged:
        found += [entry for entry in scan.records_of(spool.files, key) if entry.attempt == attempt]
    return found


def _pending_task(spool: Spool, entry: Entry) -> Task | None:
    try:
        return tasks.from_bytes(spool.files.read(entry.path))
    except FileNotFoundError:
        return None  # it moved on: the next look sees where to
    except BadInput as error:
        raise TryLater(f"{entry.path} cannot be read ({error}); a worker will flag it, then try again") from error
