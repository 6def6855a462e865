"""A search by more than text: date, place, trip, camera, view, confidence, list and tag."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import orjson

from dashtools.index.cells import Box
from dashtools.index.queries import CROP_OF_SIGHTING, select
from dashtools.index.views import PlateMatch

NEWEST = 3000  # sightings looked at where no text is asked for: grouped, they fill any page
LIMIT = 100
WALKED = 100_000  # sightings looked at for what has no index of its own
CLIPS = 2000
_COLUMNS = "sighting_id, plate, video_id, seen_at, latitude, longitude, cell, confidence"
_OF_CAMERA = "video_id IN (SELECT video_id FROM videos WHERE camera = ? ORDER BY recorded_at DESC LIMIT ?)"
_SUBJECTS = """SELECT substr(n.subject, {}) FROM notes n, json_each(n.value) t
    WHERE n.kind = 'tags' AND n.is_current AND n.subject LIKE '{}:%' AND t.value = ?"""
_TAGGED = " OR ".join(
    f"{column} IN ({_SUBJECTS.format(len(kind) + 2, kind)})"
    for column, kind in (("plate", "plate"), ("sighting_id", "sighting"), ("video_id", "video"))
)
_CLAUSES = {
    "since": "s.seen_at >= ?",
    "until": "s.seen_at < ?",
    "trip": "s.video_id IN (SELECT video_id FROM videos WHERE trip_id = ?)",
    "camera": "EXISTS (SELECT 1 FROM videos v WHERE v.video_id = s.video_id AND v.camera = ?)",
    "channel": "EXISTS (SELECT 1 FROM videos v WHERE v.video_id = s.video_id AND v.channel = ?)",
    "confidence": "s.confidence >= ?",
    "listed": """s.plate IN (SELECT substr(n.subject, 7) FROM notes n WHERE n.kind = 'list' AND n.is_current
        AND n.value = ?)""",
    "tag": """EXISTS (SELECT 1 FROM notes n, json_each(n.value) t WHERE n.kind = 'tags' AND n.is_current AND t.value = ?
        AND n.subject IN ('plate:' || s.plate, 'sighting:' || s.sighting_id, 'video:' || s.video_id))""",
}


@dataclass(frozen=True)
class Conditions:
    """What a sighting must be to count; None leaves a thing open. `since` and `until` are UTC, the end exclusive."""

    since: str | None = None
    until: str | None = None
    box: Box | None = None
    trip: str | None = None
    camera: str | None = None
    channel: str | None = None
    confidence: float | None = None
    listed: str | None = None
    tag: str | None = None

    @property
    def are_any(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))

    def sql(self) -> tuple[str, list[Any]]:
        """The clause over `sightings s` and its values."""
        given = {name: getattr(self, name) for name in _CLAUSES if getattr(self, name) is not None}
        clauses, values = [_CLAUSES[name] for name in given], list(given.values())
        if self.box is not None:
            inside, edges = _inside(self.box)
            clauses.append(inside)
            values += edges
        return " AND ".join(clauses) or "1", values

    def source(self) -> tuple[str, list[Any]]:
        """The sightings among which the conditions are asked for, as a query, and its values: never all of them."""
        cells = None if self.box is None else self.box.cells()
        choices = (
            (self.trip, "video_id IN (SELECT video_id FROM videos WHERE trip_id = ?)"),
            (None if cells is None else orjson.dumps(cells).decode(), "cell IN (SELECT value FROM json_each(?))"),
            (self.tag, _TAGGED),
            (self.listed, _CLAUSES["listed"].replace("s.plate", "plate")),
        )
        for value, clause in choices:
            if value is not None:
                return f"(SELECT {_COLUMNS} FROM sightings WHERE {clause})", [value] * clause.count("?")
        days = [(text, value) for text, value in (("seen_at >= ?", self.since), ("seen_at < ?", self.until)) if value]
        if self.camera is not None and not days:
            return f"(SELECT {_COLUMNS} FROM sightings WHERE {_OF_CAMERA})", [self.camera, CLIPS]
        within = " AND ".join(text for text, _ in days) or "1"
        walk = f"(SELECT {_COLUMNS} FROM sightings WHERE {within} ORDER BY seen_at DESC LIMIT ?)"
        return walk, [*(value for _, value in days), WALKED]


def _inside(box: Box) -> tuple[str, list[Any]]:
    joined = "AND" if box.west <= box.east else "OR"  # OR: over the 180th meridian
    sql = f"s.latitude BETWEEN ? AND ? AND (s.longitude >= ? {joined} s.longitude <= ?)"
    values: list[Any] = [box.south, box.north, box.west, box.east]
    cells = box.cells()
    if cells is None:
        return sql, values
    return f"s.cell IN (SELECT value FROM json_each(?)) AND {sql}", [orjson.dumps(cells).decode(), *values]


def narrowed(connection: sqlite3.Connection, matches: Iterable[PlateMatch], asked: Conditions) -> Iterator[PlateMatch]:
    """The matches that have sightings which meet the conditions, counted by those alone."""
    where, values = asked.sql()
    sql = f"""SELECT count(*), count(DISTINCT s.video_id), min(s.seen_at), max(s.seen_at) FROM sightings s
        WHERE s.plate = ? AND {where}"""
    for match in matches:
        count, videos, first, last = connection.execute(sql, (match.plate, *values)).fetchone()
        if count:
            yield replace(match, sightings=count, videos=videos, first_seen=first, last_seen=last)


def newest(connection: sqlite3.Connection, asked: Conditions, limit: int = LIMIT) -> list[PlateMatch]:
    """The plates of the newest sightings that meet the conditions.

    What an index can find is found however long ago it was; view and confidence are asked of the newest WALKED
    sightings within the days, a camera's of its newest CLIPS clips.
    """
    source, values = asked.source()
    order = "" if values[-1:] == [WALKED] else "ORDER BY +s.seen_at DESC"  # a walk is in order, and ends when it can
    where, more = asked.sql()
    sql = f"""SELECT f.plate, count(*) AS sightings, count(DISTINCT f.video_id) AS videos, min(f.seen_at) AS first_seen,
        max(f.seen_at) AS last_seen, (SELECT {CROP_OF_SIGHTING} FROM sightings s JOIN plates p
            ON p.best_sighting_id = s.sighting_id WHERE p.plate = f.plate LIMIT 1) AS crop_id
        FROM (SELECT s.plate, s.video_id, s.seen_at FROM {source} s WHERE s.plate IS NOT NULL AND {where}
            {order} LIMIT ?) f
        GROUP BY f.plate ORDER BY last_seen DESC, f.plate LIMIT ?"""
    found = select(connection, PlateMatch, sql, (*values, *more, NEWEST, limit))
    return [replace(match, reason="fits the conditions") for match in found]


def places(connection: sqlite3.Connection, plates: Iterable[str], asked: Conditions, limit: int = 500) -> list[Any]:
    """Where these plates were seen under the conditions: (sighting id, plate, latitude, longitude, cell)."""
    where, values = asked.sql()
    sql = f"""SELECT s.sighting_id, s.plate, s.latitude, s.longitude, s.cell FROM sightings s
        WHERE s.plate IN (SELECT value FROM json_each(?)) AND s.latitude IS NOT NULL AND {where}
        ORDER BY s.seen_at DESC, s.sighting_id LIMIT ?"""
    return connection.execute(sql, (orjson.dumps(list(plates)).decode(), *values, limit)).fetchall()


def choices(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """The cameras and views that there are."""
    cameras = connection.execute("SELECT DISTINCT camera FROM trips WHERE camera IS NOT NULL ORDER BY 1 LIMIT 50")
    return {"cameras": [row[0] for row in cameras], "channels": ["front", "rear", "interior"]}
