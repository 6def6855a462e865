"""The part of the index that is about now: waiting and claimed tasks, workers, devices, the time of the last look.

`dc-index verify` leaves it out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import orjson

from dashtools.errors import BadInput
from dashtools.index import leaves, records, removed
from dashtools.index.counts import recount
from dashtools.index.leaves import Leaf
from dashtools.spool import task as tasks
from dashtools.spool.queue import Spool
from dashtools.times import to_text, utc_now


def refresh_liveness(
    connection: sqlite3.Connection, spool: Spool, pending: Sequence[Leaf], *, is_changed: bool = True
) -> None:
    """Applies changed pending folders, then reads workers and devices; `is_changed`: other rows did change."""
    for leaf in pending:
        connection.execute(f"DELETE FROM tasks WHERE {leaves.BELOW}", (leaf.path, leaf.path))
        records.add_pending(connection, leaf.contents.entries())
        leaves.remember(connection, leaf)
    connection.execute(
        "DELETE FROM tasks WHERE condition IN ('ready', 'claimed', 'delayed')"
        " AND EXISTS (SELECT 1 FROM tasks c WHERE c.task_id = tasks.task_id AND c.state = 'complete')"
    )
    _name_claimed(connection, spool)
    removed.update(connection, spool)
    if is_changed or pending:
        recount(connection)
    connection.execute("DELETE FROM devices")
    for kind in ("devices", "workers"):
        for name in sorted(spool.files.names(kind)):
            if name.endswith(".json"):
                _add_device(connection, spool, kind, name)
    now = {"spool": spool.uuid, "refreshed_at": to_text(utc_now().replace(microsecond=0))}
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", now.items())


def _name_claimed(connection: sqlite3.Connection, spool: Spool) -> None:
    """Opens the few files that are being worked on, to say which clip each is."""
    rows = connection.execute("SELECT path FROM tasks WHERE condition = 'claimed' AND video_id IS NULL").fetchall()
    for (path,) in rows:
        try:
            task = tasks.from_bytes(spool.files.read(path))
        except (FileNotFoundError, BadInput):
            continue  # done meanwhile, or no valid task: its record will say so
        clip = task.metadata.get("clip")
        values = (task.video_id, None if clip is None else str(clip), path)
        connection.execute("UPDATE tasks SET video_id = ?, clip = ? WHERE path = ?", values)


def _add_device(connection: sqlite3.Connection, spool: Spool, kind: str, name: str) -> None:
    try:
        content = orjson.loads(spool.files.read(f"{kind}/{name}"))
    except (FileNotFoundError, orjson.JSONDecodeError):
        return  # a worker that left, or a file that is being written by other means
    text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()
    connection.execute("INSERT OR REPLACE INTO devices VALUES (?, ?, ?)", (name[:-5], kind[:-1], text))
