"""What people said of a plate, sighting, clip or trip, for its page."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import orjson


@dataclass(frozen=True)
class Saying:
    """One saying as its history shows it; `text` None takes back what was said before."""

    said_at: str
    said_by: str
    kind: str
    text: str | None


@dataclass(frozen=True)
class About:
    """What holds now about a subject, and all that was ever said, newest first."""

    subject: str
    correction: str | None = None
    list: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()
    history: tuple[Saying, ...] = ()


def about(connection: sqlite3.Connection, subject: str) -> About:
    """What is said of a subject."""
    sql = "SELECT kind, value, said_at, said_by, is_current FROM notes WHERE subject = ? ORDER BY note_id DESC"
    rows = connection.execute(sql, (subject,)).fetchall()
    holds = {kind: value for kind, value, _, _, is_current in rows if is_current}
    history = tuple(Saying(at, by, kind, _text(kind, value)) for kind, value, at, by, _ in rows)
    tags = tuple(orjson.loads(holds["tags"])) if "tags" in holds else ()
    return About(subject, holds.get("correction"), holds.get("list"), holds.get("note"), tags, history)


def tags_in_use(connection: sqlite3.Connection, limit: int = 50) -> list[str]:
    """Tags that hold somewhere, the most used first."""
    rows = connection.execute(
        "SELECT t.value FROM notes n, json_each(n.value) t WHERE n.kind = 'tags' AND n.is_current"
        " GROUP BY t.value ORDER BY count(*) DESC, t.value LIMIT ?",
        (limit,),
    )
    return [row[0] for row in rows]


def listed(connection: sqlite3.Connection) -> dict[str, str]:
    """The list of each plate that is on one."""
    rows = connection.execute("SELECT substr(subject, 7), value FROM notes WHERE kind = 'list' AND is_current")
    return dict(rows.fetchall())


def _text(kind: str, value: str | None) -> str | None:
    return ", ".join(orjson.loads(value)) if kind == "tags" and value is not None else value
