"""Failed tasks by reason: the clip's name and numbers do not tell reasons apart."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import fields

from dashtools.index.views import Failure, Step

MOST = 20_000
_DIGITS = re.compile(r"\d+")
_NEWEST = """SELECT error_message, clip, video_id, completed_at FROM tasks
    WHERE condition = 'failed' AND task_type = ? AND error_class IS ? AND reason IS ?
    ORDER BY completed_at DESC LIMIT 1"""


def reason_of(message: str | None, clip: str | None) -> str:
    """What the messages of a group have in common.

    >>> reason_of("a.mp4: no moov box, the file ends at 2000", "a.mp4")
    'no moov box, the file ends at #'
    """
    return _DIGITS.sub("#", (message or "").removeprefix(f"{clip}: "))


def failures(connection: sqlite3.Connection, limit: int = 50) -> list[Failure]:
    """The reasons, the most frequent first, each with its newest task as an example."""
    groups = connection.execute(
        "SELECT task_type, error_class, reason, count(*) FROM tasks WHERE condition = 'failed'"
        " GROUP BY task_type, error_class, reason ORDER BY 4 DESC, 1, 2, 3 LIMIT ?",
        (limit,),
    ).fetchall()
    found = []
    for task_type, error_class, reason, count in groups:
        message, clip, *of_example = connection.execute(_NEWEST, (task_type, error_class, reason)).fetchone()
        told = (message or "").removeprefix(f"{clip}: ")
        found.append(Failure(task_type, error_class, told, count, clip, *of_example))
    return found


def failed_like(connection: sqlite3.Connection, task_type: str, error_class: str, message: str) -> list[Step]:
    """The failed tasks of a group of `failures`, the newest first."""
    columns = ", ".join(field.name for field in fields(Step))
    cursor = connection.execute(
        f"SELECT {columns} FROM tasks WHERE condition = 'failed' AND task_type = ? AND error_class IS ?"
        " AND reason = ? ORDER BY completed_at DESC, path LIMIT ?",
        (task_type, error_class or None, reason_of(message, None), MOST),
    )
    return [Step(*row) for row in cursor]
