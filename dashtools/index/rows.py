"""The rows that stages leave for the index: read from JSON lines, gathered by shape, inserted by the thousand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import orjson

from dashtools.index.records import INSERT_ARTIFACT, INSERT_TASK, Final, cell, insertion
from dashtools.index.store import given_columns
from dashtools.model import Json

MOST_WAITING = 20_000
UNKEPT = (OverflowError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
"""How SQLite says that it cannot keep a value: a number of more than 64 bits, an object, an array."""


def parse(content: bytes) -> list[Json]:
    r"""The rows of a file; lines that are no JSON objects are passed over.

    >>> parse(b'{"a":1}\n[2]\n{torn')
    [{'a': 1}]
    """
    lines = content.splitlines()
    try:
        values = [orjson.loads(line) for line in lines]
    except orjson.JSONDecodeError:  # a stranger wrote here; what can be read still counts
        values = [value for line in lines if (value := _read(line)) is not None]
    return [value for value in values if type(value) is dict]


def _read(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def videos_of(rows: Iterable[Json]) -> set[str]:
    """The videos that rows speak of."""
    return {video_id for row in rows if isinstance(video_id := row.get("video_id"), str)}


class _Shape:
    """Rows of one table that have the same columns; `pick` gives a row's values, KeyError for another shape's."""

    def __init__(self, table: str, columns: Iterable[str]) -> None:
        allowed = given_columns()[table]
        kept = [name for name in columns if name in allowed]
        self.sql = insertion(table, [*kept, "record"])
        self.pick: Callable[[Json], tuple[Any, ...]] = (
            itemgetter(*kept, "record") if kept else lambda row: (row["record"],)
        )
        self.rows: list[tuple[Any, ...]] = []


class Loader:
    """Gathers finals and rows and inserts them; call `flush` before anything is asked of the tables."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._usual: dict[tuple[str, int], _Shape] = {}
        """The first shape seen of a table and a number of columns: nearly every row is of one of these."""
        self._shapes: dict[tuple[str, frozenset[str]], _Shape] = {}
        self._tasks: list[tuple[Any, ...]] = []
        self._artifacts: list[tuple[Any, ...]] = []
        self._waiting = 0

    def add_task(self, final: Final) -> None:
        """Takes the row of a final record."""
        self._tasks.append(final.task)

    def add_content(self, final: Final, rows: Sequence[Json]) -> None:
        """Takes a record's artifacts and its stage's rows; the rows are changed."""
        self._artifacts += final.artifacts
        usual, record = self._usual, final.record
        for row in rows:
            try:
                shape = usual[row["table"], len(row)]
                row["record"] = record
                shape.rows.append(shape.pick(row))
            except (KeyError, TypeError):
                self._add_unusual(row, record)
        self._waiting += len(rows) + len(final.artifacts)
        if self._waiting >= MOST_WAITING:
            self.flush()

    def _add_unusual(self, row: Json, record: int) -> None:
        table = row.get("table")
        if not isinstance(table, str) or table not in given_columns():
            return  # a newer host's table: its rows come with its index
        row.pop("record", None)
        key = (table, frozenset(row))
        if key not in self._shapes:
            self._shapes[key] = _Shape(table, row)
            self._usual.setdefault((table, len(row)), self._shapes[key])
        shape = self._shapes[key]
        shape.rows.append(shape.pick({**row, "record": record}))

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
        except UNKEPT:  # what follows goes in with a look at each cell; what went before is in
            done = self._connection.total_changes - before
            self._connection.executemany(sql, [tuple(map(cell, row)) for row in rows[done:]])
        rows.clear()
