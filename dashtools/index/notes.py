"""What people said, as the index has it: every saying of the spool's notes/said, and which of them hold.

A saying's file never changes, so only the names of months that changed are listed, and only new names are read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import orjson

from dashtools.index import leaves
from dashtools.index.derive import Derivation
from dashtools.spool import notes as sayings
from dashtools.spool.notes import Note
from dashtools.spool.queue import Spool

HOLDS_SQL = """
UPDATE notes SET is_current = (value IS NOT NULL AND note_id = (SELECT max(o.note_id) FROM notes o
    WHERE o.subject = notes.subject AND o.kind = notes.kind)) WHERE subject = ? AND kind = ?
"""


def update(connection: sqlite3.Connection, spool: Spool, now_ns: int) -> int:
    """Brings the notes up to what lies in the spool, and what follows from corrections; gives how many changed."""
    known = leaves.known(connection, sayings.ROOT)
    added: list[Note] = []
    gone: list[str] = []
    for month in sayings.months(spool):
        mtime_ns = spool.files.mtime_ns(month)
        if known.pop(month, None) == mtime_ns:
            continue
        present, paths = _ids(connection, month), sayings.paths(spool, month)
        new = [sayings.load(spool, path) for path in paths if sayings.id_of(path) not in present]
        added += [note for note in new if note is not None]
        gone += sorted(present - {sayings.id_of(path) for path in paths})
        kept_ns = 0 if now_ns - mtime_ns < leaves.RACY_NS else mtime_ns
        connection.execute("INSERT OR REPLACE INTO leaves VALUES (?, ?)", (month, kept_ns))
    for month in known:
        gone += sorted(_ids(connection, month))
        connection.execute("DELETE FROM leaves WHERE path = ?", (month,))
    if added or gone:
        _apply(connection, added, gone)
    return len(added) + len(gone)


def _apply(connection: sqlite3.Connection, added: Iterable[Note], gone: Iterable[str]) -> None:
    touched = set()
    for note_id in gone:
        touched.add(
            tuple(connection.execute("SELECT subject, kind FROM notes WHERE note_id = ?", (note_id,)).fetchone())
        )
        connection.execute("DELETE FROM notes WHERE note_id = ?", (note_id,))
    for note in added:
        touched.add((note.subject, note.kind))
        value = orjson.dumps(note.value).decode() if isinstance(note.value, list) else note.value
        row = (note.note_id, note.kind, note.subject, value, note.at, note.by, note.of)
        connection.execute("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, 0)", row)
    for key in sorted(touched):
        connection.execute(HOLDS_SQL, key)
    corrected = [subject.partition(":")[2] for subject, kind in sorted(touched) if kind == "correction"]
    if corrected:
        derivation = Derivation(connection)
        derivation.before(_videos_of(connection, corrected))
        derivation.finish()


def ids(connection: sqlite3.Connection) -> set[str]:
    """Every saying that the index has."""
    return {row[0] for row in connection.execute("SELECT note_id FROM notes")}


def _ids(connection: sqlite3.Connection, month: str) -> set[str]:
    start = month.rpartition("/")[2]
    sql = "SELECT note_id FROM notes WHERE note_id >= ? AND note_id < ?"
    return {row[0] for row in connection.execute(sql, (start, start + "~"))}


def _videos_of(connection: sqlite3.Connection, sighting_ids: Iterable[str]) -> set[str]:
    sql = "SELECT video_id FROM sightings WHERE sighting_id = ?"
    return {row[0] for sighting_id in sighting_ids for row in connection.execute(sql, (sighting_id,))}
