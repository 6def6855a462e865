"""What was removed for good, by the stones that retention leaves in the spool's notes/removed.

A stone is written over when its removal is through, so a shelf that changed is read anew, whole.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import orjson

from dashtools.index import leaves
from dashtools.index.queries import select
from dashtools.spool.queue import Spool

ROOT = "notes/removed"
FIELDS = ("policy", "video_id", "storage", "path", "size_bytes", "removed_at", "reason")


@dataclass(frozen=True)
class Removed:
    """An original, or the files of a step, that was removed and why."""

    policy: str
    storage: str
    path: str
    size_bytes: int | None
    removed_at: str
    reason: str | None


def update(connection: sqlite3.Connection, spool: Spool) -> None:
    """Takes over every shelf of stones that changed since the last look."""
    known = leaves.known(connection, ROOT)
    for name in sorted(spool.files.names(ROOT)):
        shelf = f"{ROOT}/{name}"
        mtime_ns = spool.files.mtime_ns(shelf)
        if known.pop(shelf, None) != mtime_ns:
            _take(connection, spool, shelf)
            kept_ns = 0 if leaves.server_now_ns(spool) - mtime_ns < leaves.RACY_NS else mtime_ns
            connection.execute("INSERT OR REPLACE INTO leaves VALUES (?, ?)", (shelf, kept_ns))
    for shelf in known:
        connection.execute("DELETE FROM removed WHERE shelf = ?", (shelf,))
        connection.execute("DELETE FROM leaves WHERE path = ?", (shelf,))


def of_video(connection: sqlite3.Connection, video_id: str) -> list[Removed]:
    """What is gone of a clip, the last removed first."""
    sql = """SELECT policy, storage, path, size_bytes, removed_at, reason FROM removed
        WHERE video_id = ? ORDER BY removed_at DESC, path"""
    return select(connection, Removed, sql, (video_id,))


def _take(connection: sqlite3.Connection, spool: Spool, shelf: str) -> None:
    connection.execute("DELETE FROM removed WHERE shelf = ?", (shelf,))
    for name in sorted(spool.files.names(shelf)):
        try:
            stone = orjson.loads(spool.files.read(f"{shelf}/{name}"))
            row = [stone.get(field) for field in FIELDS]
        except (FileNotFoundError, orjson.JSONDecodeError, AttributeError):
            continue  # a stranger's file
        if stone.get("removed_at") is not None:  # else it was cut short: the next retention run goes on
            connection.execute("INSERT INTO removed VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (shelf, *row))
