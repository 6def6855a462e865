"""Brings the index up to what lies in the spool: only folders that changed are listed, only new records are read."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dashtools.errors import BadConfig
from dashtools.index import leaves, records, store
from dashtools.index.derive import Derivation
from dashtools.index.leaves import Leaf
from dashtools.index.liveness import refresh_liveness
from dashtools.index.selection import Choice, touched_videos
from dashtools.model import Task
from dashtools.spool.layout import Entry, parse
from dashtools.spool.queue import Spool

BATCH_RECORDS = 2000


@dataclass
class Report:
    """What a refresh did."""

    added: int = 0
    removed: int = 0
    leaves_read: int = 0
    seconds: float = 0.0

    @property
    def is_changed(self) -> bool:
        return bool(self.added or self.removed)


def refresh(spool_root: Path, db: Path, *, wait_s: float = 60.0) -> Report:
    """The index brought up to date; made anew where there is none of the present schema."""
    spool = Spool.open(spool_root)
    try:
        with store.writer_lock(db, wait_s=wait_s):
            connection = store.open_current(db)
            if connection is None:
                return build(spool, db)
            try:
                _refuse_other_spool(connection, spool)
                return update(connection, spool)
            finally:
                connection.close()
    finally:
        spool.files.close()


def rebuild(spool_root: Path, db: Path, *, wait_s: float = 600.0) -> Report:
    """A new index in place of the old one in one step; readers of the old one never see a half state."""
    spool = Spool.open(spool_root)
    try:
        with store.writer_lock(db, wait_s=wait_s):
            return build(spool, db)
    finally:
        spool.files.close()


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
        report = update(connection, spool, only)
    except BaseException:
        connection.close()
        raise
    store.finish(connection, file)
    return report


def update(connection: sqlite3.Connection, spool: Spool, only: frozenset[str] | None = None) -> Report:
    """Applies what changed since the last look, in transactions that each leave a whole index."""
    started, report = time.monotonic(), Report()
    now_ns = leaves.server_now_ns(spool)
    batch = Batch(connection, spool, report, only)
    # pending before complete: a task that is committed in between is then seen twice, not missed
    pending = list(_changed(connection, spool, "pending", now_ns))
    for leaf in _changed(connection, spool, "complete", now_ns):
        batch.take(leaf)
    batch.flush()
    with _transaction(connection):
        refresh_liveness(connection, spool, pending)
    report.seconds = time.monotonic() - started
    return report


def _changed(connection: sqlite3.Connection, spool: Spool, top: str, now_ns: int) -> Iterator[Leaf]:
    known = leaves.known(connection, top)
    paths = leaves.pending_leaves(spool) if top == "pending" else leaves.complete_leaves(spool)
    for path in paths:
        leaf = leaves.look(spool, path, known.pop(path, None), now_ns)
        if leaf is not None:
            yield leaf
    for path in sorted(known):  # folders that are gone
        yield Leaf(path, 0, ())


def _refuse_other_spool(connection: sqlite3.Connection, spool: Spool) -> None:
    row = connection.execute("SELECT value FROM meta WHERE key = 'spool'").fetchone()
    if row is not None and row[0] != spool.uuid:
        raise BadConfig(f"this index belongs to another spool than {spool.root}; to start anew: dc-index rebuild")


class _transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")


class Batch:
    """Changed leaves of complete/, applied together."""

    def __init__(
        self, connection: sqlite3.Connection, spool: Spool, report: Report, only: frozenset[str] | None
    ) -> None:
        self._connection, self._spool, self._report, self._only = connection, spool, report, only
        self._leaves: dict[str, Leaf] = {}
        self._added: dict[str, tuple[Entry, Task]] = {}
        self._gone: list[str] = []

    def take(self, leaf: Leaf) -> None:
        """Reads what is new in a leaf; applies the batch when it is large enough."""
        self._report.leaves_read += 1
        entries = {e.path: e for e in leaf.entries if self._only is None or e.path in self._only}
        rows = self._connection.execute("SELECT path FROM tasks WHERE leaf = ?", (leaf.path,))
        present = {row[0] for row in rows}
        self._gone += sorted(present - set(entries))
        self._leaves[leaf.path] = leaf
        for path in sorted(set(entries) - present):
            task = records.read_final(self._spool, entries[path])
            if task is None:
                self._leaves[leaf.path] = replace(self._leaves[leaf.path], mtime_ns=0)
            else:
                self._added[path] = (entries[path], task)
        if len(self._added) + len(self._gone) >= BATCH_RECORDS:
            self.flush()

    def flush(self) -> None:
        """Applies everything taken since the last flush in one transaction."""
        if self._leaves:
            with _transaction(self._connection):
                self._apply()
        self._report.added += len(self._added)
        self._report.removed += len(self._gone)
        self._leaves, self._added, self._gone = {}, {}, []

    def _apply(self) -> None:
        changed, videos, derivation = set(), set(), Derivation(self._connection)
        for path in self._gone:
            row = self._connection.execute("SELECT task_id, video_id FROM tasks WHERE path = ?", (path,)).fetchone()
            changed.add(row["task_id"])
            videos.add(row["video_id"])
        for entry, task in self._added.values():
            records.add_task(self._connection, entry, task)
            changed.add(task.task_id)
        videos |= touched_videos(self._connection, changed)
        derivation.before(videos)
        for path in self._gone:
            self._drop(records.record_number(path), derivation)
            self._connection.execute("DELETE FROM tasks WHERE path = ?", (path,))
        self._settle(videos, derivation)
        derivation.finish()
        for leaf in self._leaves.values():
            leaves.remember(self._connection, leaf)

    def _settle(self, videos: set[str], derivation: Derivation) -> None:
        """Shows and hides records so that exactly the chosen ones have rows."""
        choice = Choice(self._connection)
        candidates = choice.records(videos)
        chosen = choice.shown(candidates)
        for record in candidates:
            if record.is_shown and record.path not in chosen:
                self._drop(record.record, derivation)
                self._mark(record.path, 0)
        for record in candidates:
            if record.path in chosen and not record.is_shown:
                derivation.touch(self._show(record.path))

    def _drop(self, record: int, derivation: Derivation) -> None:
        derivation.before(records.spoken_of(self._connection, record))
        records.drop_content(self._connection, record)

    def _show(self, path: str) -> set[str]:
        entry, task = self._added.get(path, (parse(path), None))
        if task is None and entry is not None:
            task = records.read_final(self._spool, entry)
        if task is None:  # requeued just now: its leaf is looked at again
            leaf = path.rpartition("/")[0]
            self._leaves.pop(leaf, None)
            self._connection.execute("UPDATE leaves SET mtime_ns = 0 WHERE path = ?", (leaf,))
            return set()
        self._mark(path, 1)
        return records.add_content(self._connection, self._spool, path, task)

    def _mark(self, path: str, is_shown: int) -> None:
        self._connection.execute("UPDATE tasks SET is_shown = ? WHERE path = ?", (is_shown, path))
