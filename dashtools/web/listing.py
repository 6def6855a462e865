"""Tasks page by page: those that wait by listing pending/, finished ones by the index, which may be years of them.

Names alone are listed and sorted; only the page asked for is parsed and read.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence

from dashtools.errors import BadInput
from dashtools.index.counts import depths
from dashtools.spool import layout
from dashtools.spool.atomic import Files
from dashtools.spool.layout import Entry
from dashtools.spool.queue import Spool

FINISHED = ("complete", "failed")
_one_scan = threading.Lock()


def waiting(files: Files, task_type: str | None, state: str | None, offset: int, limit: int) -> tuple[list[Entry], int]:
    """A page of the tasks in pending/ of a state (None, pending: any), and how many there are.

    Ready ones come as workers get them, by priority; all others oldest first.
    """
    if state in FINISHED:
        return [], 0
    found = [
        (level if state == "ready" else "", key, path)
        for level, key, path in _names(files, task_type)
        if state in (None, "pending") or state == _state(path)
    ]
    found.sort()
    entries = (layout.parse(path) for _, _, path in found[offset : offset + limit])
    return [entry for entry in entries if entry is not None], len(found)


def _names(files: Files, task_type: str | None) -> Iterator[tuple[str, str, str]]:
    """Priority, key and path of each task in pending/."""
    for kind in files.names("pending") if task_type is None else [task_type]:
        for requirement in files.names(f"pending/{kind}"):
            base = f"pending/{kind}/{requirement}"
            for level in files.names(base):
                if level == "delayed":
                    for name in files.names(f"{base}/delayed"):
                        yield level, name.rpartition("~")[2], f"{base}/delayed/{name}"
                    continue
                for minute in files.names(f"{base}/{level}"):
                    for name in files.names(f"{base}/{level}/{minute}"):
                        yield level, name, f"{base}/{level}/{minute}/{name}"


def _state(path: str) -> str:
    if "/delayed/" in path:
        return "delayed"
    return "ready" if path.endswith(".json") else "claimed"


def finished(
    connection: sqlite3.Connection, task_type: str | None, state: str | None, offset: int, limit: int
) -> tuple[list[Entry], int]:
    """A page of the final records that the index knows, oldest first within a type, and how many it knows."""
    base = "complete/" if task_type is None else f"complete/{task_type}/"
    where, values = "path >= ? AND path < ?", [base, base[:-1] + "0"]  # "0" comes after "/"
    if state == "failed":
        where, values = f"{where} AND condition = ?", [*values, "failed"]
    states = ("failed",) if state == "failed" else FINISHED
    total = sum(getattr(d, s) for d in depths(connection) if task_type in (None, d.task_type) for s in states)
    sql = f"SELECT path FROM tasks WHERE {where} ORDER BY path LIMIT ? OFFSET ?"
    rows = connection.execute(sql, [*values, limit, offset]).fetchall() if limit else []
    entries = (layout.parse(str(row[0])) for row in rows)
    return [entry for entry in entries if entry is not None], total


def known_paths(connection: sqlite3.Connection, task_id: str) -> list[str]:
    """Where the index saw a task last."""
    return [str(row[0]) for row in connection.execute("SELECT path FROM tasks WHERE task_id = ?", (task_id,))]


def found(spool: Spool, task_id: str, hints: Sequence[str]) -> Entry | None:
    """Where a task is now: where it was seen, in pending/, or at last anywhere, one such search at a time."""
    for path in hints:
        entry = layout.parse(path)
        if entry is not None and _is_there(spool, entry):
            return entry
    mark = f"-{task_id}.a"
    for _, _, path in _names(spool.files, None):
        entry = layout.parse(path) if mark in path else None
        if entry is not None and entry.task_id == task_id:
            return entry
    with _one_scan:
        return spool.find(task_id)


def _is_there(spool: Spool, entry: Entry) -> bool:
    with contextlib.suppress(BadInput):
        try:
            spool.load(entry)
        except FileNotFoundError:
            return False
    return True
