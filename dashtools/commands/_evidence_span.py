"""Which parts of which clips are meant: a sighting and its surroundings, a trip, or all between two times."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashtools.errors import BadInput
from dashtools.index.moments import parsed
from dashtools.model import Json


@dataclass(frozen=True)
class Wish:
    """What is asked for: one of sighting, trip and times, the last two of one video if it is named."""

    sighting_id: str | None = None
    trip_id: str | None = None
    since: str | None = None
    until: str | None = None
    video_id: str | None = None
    pad_s: float = 5.0
    is_whole: bool = False

    def about(self) -> Json:
        """What the folder is about, for its manifest."""
        named = ("sighting_id", "trip_id", "since", "until", "video_id")
        return {name: getattr(self, name) for name in named if getattr(self, name) is not None}


@dataclass(frozen=True)
class Span:
    """A part of a clip; `sightings` are those to be seen in it."""

    video_id: str
    start_ms: int
    end_ms: int
    is_whole: bool
    """Is the whole original wanted?"""
    sightings: tuple[str, ...]


def spans(connection: sqlite3.Connection, wish: Wish) -> list[Span]:
    """The parts in the order of their times; BadInput when there is none."""
    found = [_around(connection, wish)] if wish.sighting_id is not None else list(_of_clips(connection, wish))
    if not found:
        raise BadInput(f"no clip lies in {wish.about()}; dc-export trips lists what there is")
    return found


def _around(connection: sqlite3.Connection, wish: Wish) -> Span:
    sql = "SELECT video_id, first_pts_ms, last_pts_ms FROM sightings WHERE sighting_id = ?"
    row = connection.execute(sql, (wish.sighting_id,)).fetchone()
    if row is None:
        raise BadInput(f"no sighting is named {wish.sighting_id!r}; dc-export sightings lists them")
    pad_ms = round(1000 * wish.pad_s)
    start_ms, end_ms = max(0, (row[1] or 0) - pad_ms), (row[2] or 0) + pad_ms
    return Span(row[0], start_ms, end_ms, wish.is_whole, (str(wish.sighting_id),))


def _of_clips(connection: sqlite3.Connection, wish: Wish) -> Iterator[Span]:
    """A span a clip; one that is wanted from end to end is wanted whole, for then its digest is the original's."""
    where = [(name, value) for name, value in (("trip_id", wish.trip_id), ("video_id", wish.video_id)) if value]
    condition = " AND ".join(f"{name} = ?" for name, _ in where) or "1"
    sql = f"SELECT video_id, recorded_at, duration_ms FROM videos WHERE {condition} ORDER BY recorded_at, video_id"
    since, until = parsed(wish.since), parsed(wish.until)
    for video_id, recorded_at, duration_ms in connection.execute(sql, [value for _, value in where]).fetchall():
        cut = _cut(parsed(recorded_at), int(duration_ms or 0), since, until)
        if cut is None:
            continue
        is_whole = wish.is_whole or cut == (0, int(duration_ms or 0))
        yield Span(video_id, *cut, is_whole, _seen(connection, video_id, *cut))


def _cut(
    start: datetime | None, duration_ms: int, since: datetime | None, until: datetime | None
) -> tuple[int, int] | None:
    """The part of a clip between two times, in ms of the clip; None for none, or where its time is not known."""
    if since is None and until is None:
        return 0, duration_ms
    if start is None:
        return None
    first = 0 if since is None else max(0, round((since - start) / timedelta(milliseconds=1)))
    last = duration_ms if until is None else min(duration_ms, round((until - start) / timedelta(milliseconds=1)))
    return (first, last) if first < last else None


def _seen(connection: sqlite3.Connection, video_id: str, start_ms: int, end_ms: int) -> tuple[str, ...]:
    sql = """SELECT sighting_id FROM sightings WHERE video_id = ? AND coalesce(last_pts_ms, 0) >= ?
        AND coalesce(first_pts_ms, 0) <= ? ORDER BY first_pts_ms, sighting_id"""
    return tuple(row[0] for row in connection.execute(sql, (video_id, start_ms, end_ms)))
