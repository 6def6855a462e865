"""Brings the index up to what lies in the spool: only folders that changed are listed, only new records are read."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace
from pathlib import Path

from dashtools.errors import BadConfig
from dashtools.index import build, contents, counts, leaves, notes, records, store
from dashtools.index.derive import Derivation
from dashtools.index.leaves import Leaf, changed_leaves
from dashtools.index.liveness import refresh_liveness
from dashtools.index.records import Final
from dashtools.index.report import Report
from dashtools.index.rows import Loader, videos_of
from dashtools.index.selection import Choice, touched_videos
from dashtools.model import Json
from dashtools.spool import forgotten
from dashtools.spool.layout import parse
from dashtools.spool.queue import Spool

BATCH_RECORDS = 2000


def refresh(spool_root: Path, db: Path, *, wait_s: float = 60.0) -> Report:
    """The index brought up to date; made anew where there is none of the present schema."""
    spool = Spool.open(spool_root)
    try:
        with store.writer_lock(db, wait_s=wait_s):
            connection = store.open_current(db)
            if connection is None:
                return build.build(spool, db)
            try:
                _refuse_other_spool(connection, spool)
                if _knows_the_forgotten(connection, spool):
                    return _made_anew(spool, db)
                return update(connection, spool)
            finally:
                connection.close()
    finally:
        spool.files.close()


def take_notes(spool_root: Path, db: Path, *, wait_s: float = 2.0) -> None:
    """Brings what was said just now into the index; records wait for the next refresh."""
    spool = Spool.open(spool_root)
    try:
        with store.writer_lock(db, wait_s=wait_s):
            connection = store.open_current(db)
            if connection is not None:
                try:
                    with store.transaction(connection):
                        notes.update(connection, spool, leaves.server_now_ns(spool))
                        counts.recount(connection)
                finally:
                    connection.close()
    finally:
        spool.files.close()


def rebuild(spool_root: Path, db: Path, *, wait_s: float = 600.0) -> Report:
    """A new index in place of the old one in one step; readers of the old one never see a half state."""
    spool = Spool.open(spool_root)
    try:
        with store.writer_lock(db, wait_s=wait_s):
            return build.build(spool, db)
    finally:
        spool.files.close()


def update(connection: sqlite3.Connection, spool: Spool) -> Report:
    """Applies what changed since the last look, in transactions that each leave a whole index."""
    started, report = time.monotonic(), Report()
    now_ns = leaves.server_now_ns(spool)
    batch = Batch(connection, spool, report)
    # pending before complete: a task that is committed in between is then seen twice, not missed
    pending = list(changed_leaves(connection, spool, "pending", now_ns))
    for leaf in changed_leaves(connection, spool, "complete", now_ns):
        batch.take(leaf)
    batch.flush()
    with store.transaction(connection):
        report.notes = notes.update(connection, spool, now_ns)
        refresh_liveness(connection, spool, pending, is_changed=report.is_changed)
    report.seconds = time.monotonic() - started
    return report


def _refuse_other_spool(connection: sqlite3.Connection, spool: Spool) -> None:
    row = connection.execute("SELECT value FROM meta WHERE key = 'spool'").fetchone()
    if row is not None and row[0] != spool.uuid:
        raise BadConfig(f"this index belongs to another spool than {spool.root}; to start anew: dc-index rebuild")


def _knows_the_forgotten(connection: sqlite3.Connection, spool: Spool) -> bool:
    """Were rows changed that this index was made from?"""
    row = connection.execute("SELECT value FROM meta WHERE key = 'forgotten'").fetchone()
    return (row[0] if row else "") != forgotten.stamp(spool)


def _made_anew(spool: Spool, db: Path) -> Report:
    """A new index, and no file of an older one left; who reads one still may go on until it closes it."""
    report = build.build(spool, db)
    for path in store.generations(db):
        if path.resolve() != db.resolve():
            store.discard(path)
    return report


class Batch:
    """Changed leaves of complete/, applied together."""

    def __init__(self, connection: sqlite3.Connection, spool: Spool, report: Report) -> None:
        self._connection, self._spool, self._report = connection, spool, report
        self._leaves: dict[str, Leaf] = {}
        self._added: dict[str, tuple[Final, list[Json] | None]] = {}
        self._gone: list[str] = []

    def take(self, leaf: Leaf) -> None:
        """Reads what is new in a leaf; applies the batch whenever it is large enough."""
        self._report.leaves_read += 1
        present = leaves.present(self._connection, leaf.path)
        entries = {entry.path: entry for entry in leaf.contents.entries()}
        if present - entries.keys():  # a listing may lack what is being packed; the next has the pack
            leaf = replace(leaf, contents=contents.listed(self._spool, leaf.path))
            entries = {entry.path: entry for entry in leaf.contents.entries()}
        self._gone += sorted(present - entries.keys())
        self._leaves[leaf.path] = replace(leaf, mtime_ns=0)
        is_whole, new = True, [entries[path] for path in sorted(entries.keys() - present)]
        for entry, value, rows_of in contents.records(self._spool, leaf.contents, new):
            final = records.final(entry, value)
            if final is None:
                is_whole = False
            else:
                self._added[entry.path] = (final, rows_of)
            if len(self._added) + len(self._gone) >= BATCH_RECORDS:
                self.flush()
                self._leaves[leaf.path] = replace(leaf, mtime_ns=0)  # there is more in it
        if is_whole:
            self._leaves[leaf.path] = leaf

    def flush(self) -> None:
        """Applies everything taken since the last flush in one transaction."""
        if self._leaves:
            with store.transaction(self._connection):
                self._apply()
        self._report.added += len(self._added)
        self._report.removed += len(self._gone)
        self._leaves, self._added, self._gone = {}, {}, []

    def _apply(self) -> None:
        changed, videos, derivation = set(), set(), Derivation(self._connection)
        loader = Loader(self._connection)
        for path in self._gone:
            row = self._connection.execute("SELECT task_id, video_id FROM tasks WHERE path = ?", (path,)).fetchone()
            changed.add(row["task_id"])
            videos.add(row["video_id"])
        for final, _ in self._added.values():
            loader.add_task(final)
            changed.add(final.task_id)
        loader.flush()
        videos |= touched_videos(self._connection, changed)
        derivation.before(videos)
        for path in self._gone:
            self._drop(records.record_number(path), derivation)
            self._connection.execute("DELETE FROM tasks WHERE path = ?", (path,))
        self._settle(videos, derivation, loader)
        loader.flush()
        derivation.finish()
        for leaf in self._leaves.values():
            leaves.remember(self._connection, leaf)

    def _settle(self, videos: set[str], derivation: Derivation, loader: Loader) -> None:
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
                self._show(record.path, derivation, loader)

    def _drop(self, record: int, derivation: Derivation) -> None:
        derivation.before(records.spoken_of(self._connection, record))
        records.drop_content(self._connection, record)

    def _show(self, path: str, derivation: Derivation, loader: Loader) -> None:
        final, rows = self._added.get(path, (None, None))
        if final is None:
            final, rows = self._read_again(path)
        if final is None:  # requeued just now: its leaf is looked at again
            leaf = path.rpartition("/")[0]
            self._leaves.pop(leaf, None)
            self._connection.execute("UPDATE leaves SET mtime_ns = 0 WHERE path = ?", (leaf,))
            return
        if rows is None:
            leaf = self._leaves.get(path.rpartition("/")[0])
            rows = contents.rows_beside(self._spool, None if leaf is None else leaf.contents, path)
        self._mark(path, 1)
        derivation.before({final.video_id, *videos_of(rows)})
        loader.add_content(final, rows)

    def _read_again(self, path: str) -> tuple[Final | None, list[Json]]:
        entry, (value, rows) = parse(path), contents.again(self._spool, path)
        return (None if entry is None else records.final(entry, value)), rows

    def _mark(self, path: str, is_shown: int) -> None:
        self._connection.execute("UPDATE tasks SET is_shown = ? WHERE path = ?", (is_shown, path))
