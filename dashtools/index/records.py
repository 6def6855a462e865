"""Rows of the index from one final record: its task, its artifacts, its stage's own rows."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from dashtools.errors import BadInput
from dashtools.index.store import CONTENT_TABLES, given_columns
from dashtools.model import FileRef, Json, Task
from dashtools.spool import layout
from dashtools.spool import task as tasks
from dashtools.spool.layout import Entry
from dashtools.spool.queue import Spool


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


def read_final(spool: Spool, entry: Entry) -> Task | None:
    """The record of a complete task; None while it is being activated, or when it moved on.

    A requeued task's file still carries its former completion: only the attempt of the name counts.
    """
    try:
        task = tasks.from_bytes(spool.files.read(entry.path))
    except (FileNotFoundError, BadInput):
        return None  # an invalid task's file is replaced by a valid record when it is activated
    return task if task.state == "complete" and task.attempt == entry.attempt else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def add_task(connection: sqlite3.Connection, entry: Entry, task: Task) -> None:
    """Adds the row of a final record; `is_shown` is settled later."""
    seconds, error = task.metadata.get("seconds"), task.error or {}
    row = {
        "path": entry.path,
        "leaf": entry.path.rpartition("/")[0],
        "record": record_number(entry.path),
        "task_id": entry.task_id,
        "task_type": entry.task_type,
        "video_id": task.video_id,
        "clip": _text(task.metadata.get("clip")),
        "state": "complete",
        "condition": entry.state,
        "priority": task.priority,
        "attempt": entry.attempt,
        "failures": task.failures,
        "created_at": task.created_at,
        "completed_at": task.completed_at,
        "requirement": tasks_requirement(task),
        "parent_id": task.parent_id,
        "parent_generation": _whole(task.params.get("parent_generation")),
        "generation": task.generation,
        "seconds": float(seconds) if isinstance(seconds, (int, float)) else None,
        "error_class": _text(error.get("class")),
        "error_message": _text(error.get("message")),
    }
    insert(connection, "tasks", [row])


def tasks_requirement(task: Task) -> str | None:
    """The requirement directory of a task; None when it has no valid one."""
    try:
        return tasks.requirement(task)
    except BadInput:
        return None


def add_pending(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Adds a row for each waiting or claimed task, from its name."""
    for entry in entries:
        row = {
            "path": entry.path,
            "leaf": entry.path.rpartition("/")[0],
            "task_id": entry.task_id,
            "task_type": entry.task_type,
            "state": "pending",
            "condition": entry.state,
            "priority": entry.priority,
            "attempt": entry.attempt,
            "failures": entry.failures,
            "created_at": entry.created.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "not_before": entry.not_before,
            "worker": entry.worker,
            "requirement": entry.requirement,
        }
        insert(connection, "tasks", [row], replace=True)


def add_content(connection: sqlite3.Connection, spool: Spool, entry_path: str, task: Task) -> set[str]:
    """Adds a shown record's artifacts and its stage's rows; gives the videos that they speak of."""
    record, videos = record_number(entry_path), {task.video_id}
    insert(connection, "artifacts", list(_artifacts(task, record)))
    by_table: dict[str, list[Json]] = defaultdict(list)
    allowed = given_columns()
    for row in _rows(spool, entry_path):
        table = row.get("table")
        if table not in allowed:
            continue  # a newer host's table: its rows come with its index
        kept = {name: _cell(value) for name, value in row.items() if name in allowed[table]}
        if isinstance(kept.get("video_id"), str):
            videos.add(kept["video_id"])
        by_table[table].append({**kept, "record": record})
    for table, rows in by_table.items():
        insert(connection, table, rows)
    return videos


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


def insert(connection: sqlite3.Connection, table: str, rows: list[Json], *, replace: bool = False) -> None:
    """Inserts rows that may differ in which columns they have."""
    groups: dict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        groups[tuple(row)].append(tuple(row.values()))
    verb = "INSERT OR REPLACE" if replace else "INSERT"
    for names, values in groups.items():
        marks = ", ".join("?" * len(names))
        connection.executemany(f"{verb} INTO {table} ({', '.join(names)}) VALUES ({marks})", values)


def _artifacts(task: Task, record: int) -> Iterator[Json]:
    source = [ref for ref in task.inputs if ref.type == "video"] if task.task_type == "INGEST_VIDEO" else []
    seen = set()
    for ref in (*source, *task.outputs):
        if ref.temporary or (ref.device, ref.path) in seen:
            continue
        seen.add((ref.device, ref.path))
        yield _artifact(task, ref, record)


def _artifact(task: Task, ref: FileRef, record: int) -> Json:
    return {
        "artifact_id": artifact_id(ref.device, ref.path),
        "video_id": task.video_id,
        "task_id": task.task_id,
        "task_type": task.task_type,
        "type": ref.type,
        "storage": ref.device,
        "path": ref.path,
        "sha256": ref.sha256,
        "size_bytes": ref.size_bytes,
        "record": record,
    }


def _rows(spool: Spool, entry_path: str) -> Iterator[Json]:
    entry = layout.parse(entry_path)
    if entry is None:
        return
    try:
        content = spool.files.read(layout.rows_path(entry.task_type, entry.key, entry.attempt))
    except FileNotFoundError:
        return
    for line in content.splitlines():
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue  # a stranger wrote here; what can be read still counts
        if isinstance(row, dict):
            yield row


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (dict, list)):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    if isinstance(value, int) and abs(value) >= 2**63:
        return float(value)
    return value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
