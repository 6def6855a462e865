"""A whole index from nothing: every file is read once, rows go in by the thousand, order is made at the end.

The same rows as any number of refreshes would leave, because both choose and derive by the same rules; but here the
choice is made by looking for what is not plain, and indexes are built when the tables are full.
"""

from __future__ import annotations

import contextlib
import gc
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from dashtools.index import contents, derive_all, leaves, notes, records, store
from dashtools.index.leaves import Leaf
from dashtools.index.liveness import refresh_liveness
from dashtools.index.report import Report
from dashtools.index.rows import Loader
from dashtools.index.selection import superseded
from dashtools.spool import forgotten
from dashtools.spool.queue import Spool

FIRST_INDEXES = tuple(f"CREATE INDEX {n}" for n in ("tasks_", "videos_video_id", "crops_sighting", "fixes_video_id"))
"""What the choice and the derivation look things up by."""


def build(spool: Spool, db: Path) -> Report:
    """Builds a generation beside `db` and swaps it in; call with the writer's lock held."""
    new = store.new_generation(db)
    try:
        report = build_file(spool, new)
        store.swap(db, new)
    except BaseException:
        store.discard(new)
        raise
    return report


def build_file(spool: Spool, file: Path, only: frozenset[str] | None = None) -> Report:
    """A whole index in a file of its own, from all records or `only` from those paths."""
    connection = store.create(file)
    try:
        report = _fill(connection, spool, only)
    except BaseException:
        connection.close()
        raise
    store.finish(connection, file)
    return report


def _fill(connection: sqlite3.Connection, spool: Spool, only: frozenset[str] | None) -> Report:
    started, report, now_ns = time.monotonic(), Report(), leaves.server_now_ns(spool)
    connection.execute("BEGIN")
    connection.execute("INSERT INTO meta VALUES ('forgotten', ?)", (forgotten.stamp(spool),))
    _create(connection, "CREATE INDEX notes")
    notes.update(connection, spool, now_ns)  # while the tables are empty: nothing follows from it yet
    # pending before complete: a task that is committed in between is then seen twice, not missed
    pending = list(leaves.changed_leaves(connection, spool, "pending", now_ns))
    loader = Loader(connection)
    with _no_collection():
        for leaf in leaves.changed_leaves(connection, spool, "complete", now_ns):
            report.leaves_read += 1
            report.added += _load(connection, spool, loader, leaf, only)
        loader.flush()
    make_order(connection)
    refresh_liveness(connection, spool, pending)
    connection.execute("COMMIT")
    report.seconds = time.monotonic() - started
    return report


def make_order(connection: sqlite3.Connection) -> None:
    """Chooses, derives and indexes in tables that are filled, in the order that costs least."""
    _create(connection, *FIRST_INDEXES)
    _hide(connection, superseded(connection))
    derive_all.of_rows(connection)
    _create(connection, "CREATE INDEX")
    derive_all.of_groups(connection)
    _create(connection, "CREATE ")
    derive_all.of_words(connection)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Without a look for cycles: there are none in rows, and each look walks all that wait."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _create(connection: sqlite3.Connection, *beginnings: str) -> None:
    """Carries out the statements of the schema that begin so and were not yet."""
    present = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    for name, sql in store.statements():
        if sql.startswith(beginnings) and name not in present:
            connection.execute(sql)


def _load(connection: sqlite3.Connection, spool: Spool, loader: Loader, leaf: Leaf, only: frozenset[str] | None) -> int:
    """Takes a leaf's records and rows; gives how many records it holds."""
    count, mtime_ns = 0, leaf.mtime_ns
    entries = [entry for entry in leaf.contents.entries() if only is None or entry.path in only]
    for entry, value, rows in contents.records(spool, leaf.contents, entries):
        final = records.final(entry, value, is_shown=True)
        if final is None:
            mtime_ns = 0
            continue
        count += 1
        loader.add_task(final)
        loader.add_content(final, contents.rows_beside(spool, leaf.contents, entry.path) if rows is None else rows)
    leaves.remember(connection, Leaf(leaf.contents, mtime_ns))
    return count


def _hide(connection: sqlite3.Connection, unwanted: list[tuple[str, int]]) -> None:
    """Takes away the rows of superseded records; their tasks stay as such."""
    connection.executemany("UPDATE tasks SET is_shown = 0 WHERE path = ?", [(path,) for path, _ in unwanted])
    connection.execute("CREATE TEMP TABLE unwanted (record INTEGER PRIMARY KEY)")
    connection.executemany("INSERT OR IGNORE INTO unwanted VALUES (?)", [(record,) for _, record in unwanted])
    if unwanted:
        for table in (*store.CONTENT_TABLES, "artifacts"):
            connection.execute(f"DELETE FROM {table} WHERE record IN (SELECT record FROM unwanted)")
    connection.execute("DROP TABLE unwanted")
