"""How fast the queue moves: done in the last hour and day, how long a task takes, how long the oldest waits."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import timedelta

from dashtools.index.moments import parsed
from dashtools.times import to_text, utc_now


@dataclass(frozen=True)
class Rate:
    """One task type; ages and estimates in milliseconds, None where nothing is known."""

    task_type: str
    done_hour: int
    done_day: int
    mean_s: float | None
    oldest_ms: float | None
    empty_in_ms: float | None


def rates(connection: sqlite3.Connection) -> dict[str, Rate]:
    """Rates by task type; an estimate assumes the pace of the last hour."""
    now = utc_now()
    hour, day = (to_text(now - timedelta(hours=h)) for h in (1, 24))
    done = {
        row[0]: row[1:]
        for row in connection.execute(
            "SELECT task_type, sum(completed_at >= ?), count(*), avg(seconds) FROM tasks"
            " WHERE state = 'complete' AND completed_at >= ? GROUP BY task_type",
            (hour, day),
        )
    }
    waiting = {
        row[0]: row[1:]
        for row in connection.execute(
            "SELECT task_type, count(*), min(created_at) FROM tasks WHERE condition = 'ready' GROUP BY task_type"
        )
    }
    found = {}
    for task_type in sorted({*done, *waiting}):
        done_hour, done_day, mean_s = done.get(task_type, (0, 0, None))
        count, oldest = waiting.get(task_type, (0, None))
        since = parsed(oldest)
        oldest_ms = None if since is None else max(0.0, (now - since).total_seconds() * 1000)
        empty_in_ms = count / done_hour * 3_600_000 if count and done_hour else None
        found[task_type] = Rate(task_type, done_hour or 0, done_day, mean_s, oldest_ms, empty_in_ms)
    return found
