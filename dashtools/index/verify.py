"""Is the index what a rebuild from the spool would give, row for row?

The final records are frozen as a list first: workers may go on meanwhile. Liveness (waiting tasks, workers, devices,
leaf times) and the shadow tables of full-text search are left out; the triggers that fill those are tested.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from dashtools.errors import TaskSystemError
from dashtools.index import contents, notes, records, store
from dashtools.index.build import build_file
from dashtools.index.refresh import update
from dashtools.spool import scan
from dashtools.spool.layout import Entry
from dashtools.spool.queue import Spool

COMPARED = (*store.CONTENT_TABLES, "artifacts", "trips", "plates", "tasks", "notes")
SURROGATES = {"plate_no"}
SHOWN_DIFFERENCES = 5
TRIES = 3
SORT_ON_DISK = "PRAGMA temp_store=FILE"  # every row of a table in order: gigabytes, where there are a million records


@dataclass(frozen=True)
class Verdict:
    """What a verification found; `differences` are a few lines for people."""

    records: int
    rows: int
    differences: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        return not self.differences


def verify(spool_root: Path, db: Path, *, wait_s: float = 600.0) -> Verdict:
    """Compares the refreshed index with a rebuild over the same final records."""
    spool = Spool.open(spool_root)
    try:
        with store.writer_lock(db, wait_s=wait_s):
            connection = store.open_current(db)
            if connection is None:
                raise TaskSystemError(f"{db} is missing, damaged or of another version; make it anew: dc-index rebuild")
            try:
                connection.execute(SORT_ON_DISK)
                return _verify(connection, spool, db)
            finally:
                connection.close()
    finally:
        spool.files.close()


def _verify(connection: sqlite3.Connection, spool: Spool, db: Path) -> Verdict:
    for _ in range(TRIES):
        before = {entry.path for entry in _final_names(spool)}
        update(connection, spool)
        frozen = _record_paths(connection)
        file = store.new_generation(db)
        try:
            build_file(spool, file, frozen)
            again = store.connect(file)
            try:
                again.execute(SORT_ON_DISK)
                if notes.ids(connection) != notes.ids(again):
                    continue  # somebody said something while we looked
                if frozen - _record_paths(again) and not frozen <= {entry.path for entry in _final_names(spool)}:
                    continue  # a task was requeued while we looked
                return _compare(connection, again, len(frozen), _missed(spool, before, frozen))
            finally:
                again.close()
        finally:
            store.discard(file)
    raise TaskSystemError("final records kept going away during verification; try again when fewer are requeued")


def _final_names(spool: Spool) -> Iterator[Entry]:
    """The final records of the spool, packed or loose."""
    for path in scan.leaves(spool.files):
        yield from contents.listed(spool, path).entries()


def _record_paths(connection: sqlite3.Connection) -> frozenset[str]:
    return frozenset(row[0] for row in connection.execute("SELECT path FROM tasks WHERE state = 'complete'"))


def _missed(spool: Spool, before: set[str], frozen: frozenset[str]) -> list[str]:
    """Final records that lay there before the refresh and that it did not take."""
    found = []
    for entry in _final_names(spool):
        if entry.path in before and entry.path not in frozen:
            value, _ = contents.again(spool, entry.path)
            if records.final(entry, value) is not None:
                found.append(f"record {entry.path} is not in the index")
    return found


def _compare(left: sqlite3.Connection, right: sqlite3.Connection, count: int, found: list[str]) -> Verdict:
    rows = 0
    for table in COMPARED:
        different = 0
        for mine, theirs in zip_longest(_ordered(left, table), _ordered(right, table)):
            rows += 1
            if mine != theirs:
                different += 1
                if different <= SHOWN_DIFFERENCES:
                    found.append(f"{table}: index has {mine}, a rebuild has {theirs}")
    return Verdict(count, rows, tuple(found))


def _ordered(connection: sqlite3.Connection, table: str) -> Iterator[tuple[object, ...]]:
    names = ", ".join(name for name in store.columns(connection, table) if name not in SURROGATES)
    where = " WHERE state = 'complete'" if table == "tasks" else ""
    for row in connection.execute(f"SELECT {names} FROM {table}{where} ORDER BY {names}"):
        yield tuple(row)
