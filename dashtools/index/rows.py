"""The rows that stages leave for the index: read from JSON lines, gathered by shape, inserted by the thousand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

import orjson

from dashtools.index.records import INSERT_ARTIFACT, INSERT_TASK, PLAIN, Final, cell, insertion
from dashtools.index.store import given_columns
from dashtools.model import Json

MOST_WAITING = 20_000


def parse(content: bytes) -> list[Json]:
    """The rows of a file; lines that are no JSON objects are passed over.

    >>> parse(b'{"a":1}\\n[2]\\n{torn')
    [{'a': 1}]
    """
    try:
        values = orjson.loads(b"[%b]" % content.strip().replace(b"\n", b","))  # one call for all lines
    except orjson.JSONDecodeError:
        values = list(_line_by_line(content))
    return [value for value in values if type(value) is dict]


def _line_by_line(content: bytes) -> Iterable[Any]:
    for line in content.splitlines():
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            continue  # a stranger wrote here; what can be read still counts


def videos_of(rows: Iterable[Json]) -> set[str]:
    """The videos that rows speak of."""
    return {video_id for row in rows if isinstance(video_id := row.get("video_id"), str)}


class _Shape:
    """Rows of one table that have the same columns."""

    def __init__(self, table: str, names: tuple[str, ...]) -> None:
        allowed = given_columns()[table]
        kept = [name for name in names if name in allowed]
        self.sql = insertion(table, [*kept, "record"])
        self.pick: Callable[[Json], tuple[Any, ...]] = (
            itemgetter(*kept, "record") if kept else lambda row: (row["record"],)
        )
        self.rows: list[tuple[Any, ...]] = []


class Loader:
    """Gathers finals and rows and inserts them; call `flush` before anything is asked of the tables."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._shapes: dict[tuple[str, ...], _Shape | None] = {}
        self._tasks: list[tuple[Any, ...]] = []
        self._artifacts: list[tuple[Any, ...]] = []
        self._waiting = 0

    def add_task(self, final: Final) -> None:
        """Takes the row of a final record."""
        self._tasks.append(final.task)

    def add_content(self, final: Final, rows: Iterable[Json]) -> None:
        """Takes a record's artifacts and its stage's rows; the rows are changed."""
        self._artifacts += final.artifacts
        record = final.record
        for row in rows:
            key = tuple(row)
            table = row.get("table")
            shape = self._shapes.get((table, *key)) if type(table) is str else None
            if shape is None:
                shape = self._new_shape(table, key)
                if shape is None:
                    continue  # a newer host's table: its rows come with its index
            row["record"] = record
            values = shape.pick(row)
            shape.rows.append(values if PLAIN.issuperset(map(type, values)) else tuple(map(cell, values)))
            self._waiting += 1
        if self._waiting + len(self._artifacts) >= MOST_WAITING:
            self.flush()

    def _new_shape(self, table: Any, key: tuple[str, ...]) -> _Shape | None:
        if type(table) is not str or table not in given_columns():
            return None
        shape = self._shapes[(table, *key)] = _Shape(table, key)
        return shape

    def flush(self) -> None:
        """Inserts what was taken."""
        self._insert(INSERT_TASK, self._tasks)
        self._insert(INSERT_ARTIFACT, self._artifacts)
        for shape in self._shapes.values():
            self._insert(shape.sql, shape.rows)
        self._waiting = 0

    def _insert(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        before = self._connection.total_changes
        try:
            self._connection.executemany(sql, rows)
        except OverflowError:  # a number of more than 64 bits: it and what follows goes in with a look at each cell
            done = self._connection.total_changes - before
            self._connection.executemany(sql, [tuple(map(cell, row)) for row in rows[done:]])
        rows.clear()
