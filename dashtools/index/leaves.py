"""Which folders of the spool changed since they were last looked at, and what lies in them.

A leaf's mtime is read before its names, by open and fstat; a change in between shows next time. A leaf that changed
within the last two seconds is looked at again (git's racy rule): a second change in the same tick leaves no trace.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from dashtools.errors import OutputRefused
from dashtools.index.contents import Contents, listed
from dashtools.spool import scan
from dashtools.spool.queue import Spool
from dashtools.times import utc_now

RACY_NS = 2_000_000_000
BELOW = "path > ? || '/' AND path < ? || '0'"  # the character after the slash


@dataclass(frozen=True)
class Leaf:
    """A folder that changed: what lies in it, and the mtime to remember (0: look again)."""

    contents: Contents
    mtime_ns: int

    @property
    def path(self) -> str:
        return self.contents.path


def server_now_ns(spool: Spool) -> int:
    """The file server's clock; this host's where nothing can be written."""
    try:
        now = spool.now()
    except (OutputRefused, FileNotFoundError):
        now = utc_now()
    return int(now.timestamp() * 1e9)


def look(spool: Spool, path: str, known_mtime_ns: int | None, now_ns: int) -> Leaf | None:
    """The leaf if it changed, None if it did not; a leaf that is gone is an empty one."""
    try:
        mtime_ns = spool.files.mtime_ns(path)
    except FileNotFoundError:
        return gone(path)
    if mtime_ns == known_mtime_ns:
        return None
    return Leaf(listed(spool, path), 0 if now_ns - mtime_ns < RACY_NS else mtime_ns)


def gone(path: str) -> Leaf:
    """A leaf in which nothing lies any more."""
    return Leaf(Contents(path, ()), 0)


def changed_leaves(connection: sqlite3.Connection, spool: Spool, top: str, now_ns: int) -> Iterator[Leaf]:
    """The leaves of `pending` or `complete` that are not as they were remembered; those that are gone come last."""
    remembered = known(connection, top)
    for path in pending_leaves(spool) if top == "pending" else scan.leaves(spool.files):
        leaf = look(spool, path, remembered.pop(path, None), now_ns)
        if leaf is not None:
            yield leaf
    for path in sorted(remembered):
        yield gone(path)


def pending_leaves(spool: Spool) -> Iterator[str]:
    """Every folder of pending/ that may hold tasks."""
    names = spool.files.names
    for kind in sorted(names("pending")):
        for requirement in sorted(names(f"pending/{kind}")):
            base = f"pending/{kind}/{requirement}"
            for level in sorted(names(base)):
                if level == "delayed":
                    yield f"{base}/{level}"
                else:
                    yield from (f"{base}/{level}/{minute}" for minute in sorted(names(f"{base}/{level}")))


def known(connection: sqlite3.Connection, top: str) -> dict[str, int]:
    """The remembered mtime of each leaf below `pending` or `complete`."""
    rows = connection.execute(f"SELECT path, mtime_ns FROM leaves WHERE {BELOW}", (top, top))
    return dict(rows)


def present(connection: sqlite3.Connection, path: str) -> set[str]:
    """The paths of the tasks that the index has of a leaf."""
    return {row[0] for row in connection.execute(f"SELECT path FROM tasks WHERE {BELOW}", (path, path))}


def remember(connection: sqlite3.Connection, leaf: Leaf) -> None:
    """Keeps a leaf's mtime; forgets a leaf that is empty."""
    if leaf.contents.names:
        connection.execute("INSERT OR REPLACE INTO leaves VALUES (?, ?)", (leaf.path, leaf.mtime_ns))
    else:
        connection.execute("DELETE FROM leaves WHERE path = ?", (leaf.path,))
