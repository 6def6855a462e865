"""Rows of the index from one final record: its task and its artifacts."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from dashtools.errors import BadInput
from dashtools.index.reasons import reason_of
from dashtools.index.store import CONTENT_TABLES
from dashtools.model import TASK_TYPE_PATTERN, Json
from dashtools.spool import layout
from dashtools.spool.layout import Entry

TASK_COLUMNS = (
    "path", "record", "task_id", "task_type", "video_id", "clip", "state", "condition", "is_shown", "priority",
    "attempt", "failures", "created_at", "completed_at", "requirement", "parent_id", "parent_generation", "generation",
    "seconds", "error_class", "error_message", "reason",
)  # fmt: skip
PENDING_COLUMNS = (
    "path", "task_id", "task_type", "state", "condition", "priority", "attempt", "failures", "created_at",
    "not_before", "worker", "requirement",
)  # fmt: skip
ARTIFACT_COLUMNS = (
    "artifact_id", "video_id", "task_id", "task_type", "type", "storage", "path", "sha256", "size_bytes", "record",
)  # fmt: skip


@dataclass(frozen=True)
class Final:
    """A complete record as the index keeps it: values in the order of TASK_COLUMNS and ARTIFACT_COLUMNS."""

    record: int
    task_id: str
    video_id: str
    task: tuple[Any, ...]
    artifacts: tuple[tuple[Any, ...], ...]


def insertion(table: str, names: Iterable[str], verb: str = "INSERT") -> str:
    """The statement that adds a row with these columns."""
    columns = tuple(names)
    return f"{verb} INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


INSERT_TASK = insertion("tasks", TASK_COLUMNS)
INSERT_PENDING = insertion("tasks", PENDING_COLUMNS, "INSERT OR REPLACE")
INSERT_ARTIFACT = insertion("artifacts", ARTIFACT_COLUMNS)


def record_number(path: str) -> int:
    """A record's number: from its name alone, so that a rebuild gives the same.

    >>> record_number("complete/T/2024/01/01/00/k.a01.json") == record_number("k.a01.json")
    True
    """
    digest = hashlib.blake2b(path.rpartition("/")[2].encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def artifact_id(storage: str, path: str) -> str:
    """The id by which a file is asked for; it says nothing of where the file lies."""
    return hashlib.blake2b(f"{storage}\0{path}".encode(), digest_size=12).hexdigest()


def final(entry: Entry, value: Any, *, is_shown: bool = False) -> Final | None:
    """A complete task's JSON as rows; None while it is being activated, or when it moved on.

    A requeued task's file still carries its former completion: only the attempt of the name counts. An invalid task's
    file is replaced by a valid record when it is activated.
    """
    if not isinstance(value, dict) or value.get("state") != "complete" or value.get("attempt", 0) != entry.attempt:
        return None
    task_id, task_type, video_id = value.get("task_id"), value.get("task_type"), value.get("video_id")
    if not (isinstance(task_id, str) and isinstance(video_id, str) and isinstance(task_type, str)):
        return None
    if not TASK_TYPE_PATTERN.match(task_type):
        return None
    record = record_number(entry.path)
    try:
        of_task = (video_id, task_id, task_type)
        artifacts = tuple(_artifact(ref, of_task, record) for ref in _files(value, task_type))
    except (KeyError, TypeError, AttributeError):
        return None  # a file entry without device, path and type
    return Final(record, task_id, video_id, _task_row(entry, value, record, is_shown), artifacts)


def _task_row(entry: Entry, value: Json, record: int, is_shown: bool) -> tuple[Any, ...]:
    metadata, params, error = (_object(value.get(name)) for name in ("metadata", "params", "error"))
    parent_generation = params.get("parent_generation")
    clip, message = _text(metadata.get("clip")), _text(error.get("message"))
    history = value.get("history") or ()
    return (
        entry.path,
        record,
        entry.task_id,
        entry.task_type,
        value["video_id"],
        clip,
        "complete",
        entry.state,
        is_shown,
        value.get("priority", 5),
        entry.attempt,
        value.get("failures", 0),
        value.get("created_at", ""),
        value.get("completed_at"),
        _requirement(value.get("device_capabilities_required")),
        value.get("parent_id"),
        parent_generation if isinstance(parent_generation, int) else None,
        sum(isinstance(event, dict) and event.get("event") == "complete" for event in history) if history else 0,
        _seconds(metadata),
        _text(error.get("class")),
        message,
        reason_of(message, clip) if entry.state == "failed" else None,
    )


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _seconds(metadata: Json) -> float | None:
    """How long the stage took by its own word; a stage may tell its parts beside the total."""
    told = metadata.get("seconds")
    value = told.get("total") if isinstance(told, dict) else told
    return float(value) if isinstance(value, (int, float)) else None


def _requirement(required: Any) -> str | None:
    """The requirement directory of a task; None when it has no valid one."""
    if not required:
        return "any"
    try:
        return layout.requirement_of(_object(required))
    except BadInput:
        return None


def _files(value: Json, task_type: str) -> Iterator[Json]:
    """The files that a record stands for: what it made, and the clip that came in; each once."""
    seen = set()
    source = [ref for ref in value.get("inputs", ()) if ref["type"] == "video"] if task_type == "INGEST_VIDEO" else []
    for ref in (*source, *value.get("outputs", ())):
        place = (ref["device"], ref["path"])
        if place not in seen and not ref.get("temporary"):
            seen.add(place)
            yield ref


def _artifact(ref: Json, of_task: tuple[str, str, str], record: int) -> tuple[Any, ...]:
    storage, path = str(ref["device"]), str(ref["path"])
    return (
        artifact_id(storage, path),
        *of_task,
        str(ref["type"]),
        storage,
        path,
        ref.get("sha256"),
        ref.get("size_bytes"),
        record,
    )


def cell(value: Any) -> Any:
    """A JSON value as SQLite can keep it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (dict, list)):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    if isinstance(value, int) and abs(value) >= 2**63:
        return float(value)
    return value


def add_pending(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Adds a row for each waiting or claimed task, from its name."""
    connection.executemany(INSERT_PENDING, map(_pending_row, entries))


def _pending_row(entry: Entry) -> tuple[Any, ...]:
    return (
        entry.path,
        entry.task_id,
        entry.task_type,
        "pending",
        entry.state,
        entry.priority,
        entry.attempt,
        entry.failures,
        entry.created.isoformat(timespec="seconds").replace("+00:00", "Z"),
        entry.not_before,
        entry.worker,
        entry.requirement,
    )


def spoken_of(connection: sqlite3.Connection, record: int) -> set[str]:
    """The videos that a record's rows speak of."""
    videos: set[str] = set()
    for table in ("videos", "fixes", "sightings"):
        rows = connection.execute(f"SELECT DISTINCT video_id FROM {table} WHERE record = ?", (record,))
        videos.update(row[0] for row in rows if row[0] is not None)
    return videos


def drop_content(connection: sqlite3.Connection, record: int) -> None:
    """Removes a record's artifacts and rows."""
    for table in (*CONTENT_TABLES, "artifacts"):
        connection.execute(f"DELETE FROM {table} WHERE record = ?", (record,))
