"""Which final records count: those of the newest completion of each step, down from the root.

A requeued task that completes again publishes new children; the old ones are superseded although their records lie
in complete/ still. The choice is a function of the set of records alone, so that refresh and rebuild agree.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from dashtools.index.moments import parsed

FIELDS = "path, record, task_id, task_type, video_id, parent_id, parent_generation, generation, completed_at, is_shown"
DEEPEST = 64  # a chain of parents is five long; a loop in damaged records must end


@dataclass(frozen=True)
class Record:
    """What the choice depends on."""

    path: str
    record: int
    task_id: str
    task_type: str
    video_id: str
    parent_id: str | None
    parent_generation: int | None
    generation: int
    completed_at: str | None
    is_shown: int

    @property
    def age_key(self) -> tuple[float, int, str]:
        """Orders records of one step, newest last."""
        when = parsed(self.completed_at)
        return (when.timestamp() if when else 0.0, self.generation, self.path)

    @property
    def lineage(self) -> tuple[str, int | None]:
        """Records of one step that count together: children of the same completion, or one root task."""
        return (self.parent_id or self.task_id, self.parent_generation)


def touched_videos(connection: sqlite3.Connection, task_ids: Iterable[str]) -> set[str]:
    """The videos of these tasks and of everything that descends from them."""
    ids = list(task_ids)
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS changed (task_id TEXT PRIMARY KEY)")
    connection.execute("DELETE FROM changed")
    connection.executemany("INSERT OR IGNORE INTO changed VALUES (?)", [(task_id,) for task_id in ids])
    rows = connection.execute(
        """WITH RECURSIVE family(task_id) AS (
               SELECT task_id FROM changed
               UNION SELECT t.task_id FROM tasks t JOIN family f ON t.parent_id = f.task_id
           )
           SELECT DISTINCT t.video_id FROM tasks t JOIN family f ON t.task_id = f.task_id WHERE t.state = 'complete'"""
    )
    return {row[0] for row in rows if row[0] is not None}


class Choice:
    """Says for records whether they count, looking parents up once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._latest: dict[str, Record | None] = {}
        self._live: dict[str, bool] = {}

    def records(self, video_ids: Iterable[str]) -> list[Record]:
        """Every complete record of these videos."""
        found = []
        for video_id in sorted(video_ids):
            sql = f"SELECT {FIELDS} FROM tasks WHERE video_id = ? AND state = 'complete' ORDER BY path"
            found += [Record(*row) for row in self._connection.execute(sql, (video_id,))]
        return found

    def shown(self, records: Iterable[Record]) -> set[str]:
        """The paths of those that count, given every record of their videos."""
        steps: dict[tuple[str, str], list[Record]] = {}
        for record in records:
            if self.is_live(record):
                # records without a video (no valid task) do not compete with each other
                steps.setdefault((record.video_id or record.task_id, record.task_type), []).append(record)
        chosen = set()
        for rivals in steps.values():
            newest = max(rivals, key=lambda r: r.age_key)
            chosen.update(r.path for r in rivals if r.lineage == newest.lineage)
        return chosen

    def is_live(self, record: Record, depth: int = 0) -> bool:
        """Is this the child of its parent's present completion, and the parent likewise?"""
        if record.parent_id is None or depth > DEEPEST:
            return True
        if record.path not in self._live:
            parent = self._parent(record.parent_id)
            self._live[record.path] = parent is None or (
                record.parent_generation in (None, parent.generation) and self.is_live(parent, depth + 1)
            )
        return self._live[record.path]

    def _parent(self, task_id: str) -> Record | None:
        if task_id not in self._latest:
            sql = f"SELECT {FIELDS} FROM tasks WHERE task_id = ? AND state = 'complete'"
            rows = [Record(*row) for row in self._connection.execute(sql, (task_id,))]
            self._latest[task_id] = max(rows, key=lambda r: r.age_key, default=None)
        return self._latest[task_id]


def superseded(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    """Path and number of every record that does not count, where all complete records are present.

    A step with one record, none of whose ancestors was completed another time than it says, is plain and counts: only
    the videos of the others are looked at.
    """
    passed = connection.execute(
        """SELECT DISTINCT t.task_id FROM tasks t JOIN tasks p ON p.task_id = t.parent_id
           WHERE t.state = 'complete' AND p.state = 'complete' AND t.parent_generation <> p.generation"""
    )
    videos = touched_videos(connection, [row[0] for row in passed])
    crowded = connection.execute(
        "SELECT DISTINCT video_id FROM (SELECT video_id FROM tasks WHERE state = 'complete'"
        " GROUP BY video_id, task_type HAVING count(*) > 1)"
    )
    videos.update(row[0] for row in crowded if row[0] is not None)
    choice = Choice(connection)
    candidates = choice.records(videos)
    chosen = choice.shown(candidates)
    return [(record.path, record.record) for record in candidates if record.path not in chosen]
