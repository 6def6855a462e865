"""The questions that pages ask: each takes a connection and gives values of views.py."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

import orjson

from dashtools.index.views import (
    Card,
    Clip,
    Media,
    Point,
    Read,
    Step,
    Track,
    Trip,
    Worker,
)

T = TypeVar("T")

CROP_OF_SIGHTING = """coalesce(
    (SELECT a.artifact_id FROM artifacts a WHERE a.video_id = s.video_id AND a.type = 'plate_crop'
     AND a.path = s.crop_path),
    (SELECT a.artifact_id FROM artifacts a WHERE a.video_id = s.video_id AND a.type = 'plate_crop'
     AND (instr(a.path, '/' || s.sighting_id || '.') OR instr(a.path, '/' || s.sighting_id || '_')) LIMIT 1))"""
CARD = f"""SELECT s.sighting_id, s.video_id, s.clip, s.plate, s.confidence, s.read_count, s.first_pts_ms,
    s.last_pts_ms, s.seen_at, s.latitude, s.longitude, s.read_as, {CROP_OF_SIGHTING} AS crop_id,
    (SELECT v.utc_offset_min FROM videos v WHERE v.video_id = s.video_id) AS utc_offset_min,
    (SELECT v.recorded_at_method FROM videos v WHERE v.video_id = s.video_id) AS recorded_at_method
    FROM sightings s"""
TRIP = """SELECT t.*,
    (SELECT v.utc_offset_min FROM videos v WHERE v.trip_id = t.trip_id ORDER BY v.recorded_at) AS utc_offset_min,
    (SELECT v.recorded_at_method FROM videos v WHERE v.trip_id = t.trip_id ORDER BY v.recorded_at)
    AS recorded_at_method FROM trips t"""
CLIP = "SELECT {}, (SELECT count(*) FROM sightings s WHERE s.video_id = v.video_id) AS sightings FROM videos v".format(
    ", ".join(f"v.{f.name}" for f in fields(Clip) if f.name != "sightings")
)
ROUTE_POINTS = 4000  # what a map can show; longer routes are thinned


def select(connection: sqlite3.Connection, kind: type[T], sql: str, values: Sequence[Any] = ()) -> list[T]:
    """One value per row; the columns are named like the fields."""
    cursor = connection.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [kind(**dict(zip(names, row))) for row in cursor]


def first(connection: sqlite3.Connection, kind: type[T], sql: str, values: Sequence[Any] = ()) -> T | None:
    """The first row's value, if there is one."""
    return next(iter(select(connection, kind, f"{sql} LIMIT 1", values)), None)


def _columns(kind: type) -> str:
    return ", ".join(f.name for f in fields(kind))


def newest_sightings(connection: sqlite3.Connection, limit: int = 24) -> list[Card]:
    """The last seen first, without plates on the list of ignored ones; sightings without a time come last."""
    where = """WHERE NOT EXISTS (SELECT 1 FROM notes n WHERE n.subject = 'plate:' || s.plate AND n.kind = 'list'
        AND n.is_current AND n.value = 'ignore')"""
    return select(connection, Card, f"{CARD} {where} ORDER BY s.seen_at DESC, s.sighting_id LIMIT ?", (limit,))


def sightings_of_plate(connection: sqlite3.Connection, plate: str, limit: int = 200) -> list[Card]:
    """A plate's sightings, the last first."""
    sql = f"{CARD} WHERE s.plate = ? ORDER BY s.seen_at DESC, s.sighting_id LIMIT ?"
    return select(connection, Card, sql, (plate, limit))


def plate_totals(connection: sqlite3.Connection, plate: str) -> dict[str, Any]:
    """How often a plate was seen in all, in how many clips, when first and last."""
    names = ("sightings", "videos", "first_seen", "last_seen")
    row = connection.execute(f"SELECT {', '.join(names)} FROM plates WHERE plate = ?", (plate,)).fetchone()
    return dict(zip(names, row or (0, 0, None, None), strict=True))


def sightings_of_video(connection: sqlite3.Connection, video_id: str) -> list[Card]:
    """A clip's sightings in their order."""
    return select(connection, Card, f"{CARD} WHERE s.video_id = ? ORDER BY s.first_pts_ms, s.sighting_id", (video_id,))


def sightings_of_trip(connection: sqlite3.Connection, trip_id: str, limit: int = 500) -> list[Card]:
    """A trip's sightings in their order."""
    where = "WHERE s.video_id IN (SELECT video_id FROM videos WHERE trip_id = ?)"
    sql = f"{CARD} {where} ORDER BY s.seen_at, s.video_id, s.first_pts_ms, s.sighting_id LIMIT ?"
    return select(connection, Card, sql, (trip_id, limit))


def card(connection: sqlite3.Connection, sighting_id: str) -> Card | None:
    """One sighting."""
    return first(connection, Card, f"{CARD} WHERE s.sighting_id = ?", (sighting_id,))


def bearing_and_note(connection: sqlite3.Connection, sighting_id: str) -> tuple[float | None, float | None, str | None]:
    """Bearing and speed of the camera at a sighting, and why there is no position if there is none."""
    sql = "SELECT bearing_deg, speed_mps, position_note FROM sightings WHERE sighting_id = ?"
    row = connection.execute(sql, (sighting_id,)).fetchone()
    return (None, None, None) if row is None else (row[0], row[1], row[2])


def votes(connection: sqlite3.Connection, sighting_id: str) -> list[dict[str, Any]]:
    """Character by character: what won, with which weight, over what; empty when it is not told."""
    row = connection.execute("SELECT why FROM sightings WHERE sighting_id = ?", (sighting_id,)).fetchone()
    try:
        told = orjson.loads(row[0]) if row and row[0] else []
    except orjson.JSONDecodeError:
        return []
    if isinstance(told, dict):
        told = told.get("votes", [])
    return [vote for vote in told if isinstance(vote, dict)] if isinstance(told, list) else []


def reads(connection: sqlite3.Connection, track_id: str) -> list[Read]:
    """Every read of a track in time order."""
    sql = f"SELECT {_columns(Read)} FROM reads WHERE track_id = ? ORDER BY pts_ms, frame_index"
    return select(connection, Read, sql, (track_id,))


def route(connection: sqlite3.Connection, video_id: str) -> list[Point]:
    """The camera's places during a clip."""
    sql = f"""SELECT {_columns(Point)} FROM fixes WHERE video_id = ? AND is_valid AND latitude IS NOT NULL
        AND longitude IS NOT NULL ORDER BY t_ms, slot"""
    found = select(connection, Point, sql, (video_id,))
    return found[:: max(1, len(found) // ROUTE_POINTS)]


def clip(connection: sqlite3.Connection, video_id: str) -> Clip | None:
    """One video."""
    return first(connection, Clip, f"{CLIP} WHERE v.video_id = ?", (video_id,))


def clips_of_trip(connection: sqlite3.Connection, trip_id: str) -> list[Clip]:
    """A trip's videos in time order."""
    return select(connection, Clip, f"{CLIP} WHERE v.trip_id = ? ORDER BY v.recorded_at, v.clip", (trip_id,))


def newest_clips(connection: sqlite3.Connection, limit: int = 12) -> list[Clip]:
    """The last recorded first."""
    return select(connection, Clip, f"{CLIP} ORDER BY v.recorded_at DESC, v.video_id LIMIT ?", (limit,))


def trips(connection: sqlite3.Connection, limit: int = 100, offset: int = 0) -> list[Trip]:
    """The last begun first; those without a time at the end."""
    sql = f"{TRIP} ORDER BY t.started_at DESC, t.trip_id LIMIT ? OFFSET ?"
    return select(connection, Trip, sql, (limit, offset))


def trip(connection: sqlite3.Connection, trip_id: str) -> Trip | None:
    """One trip."""
    return first(connection, Trip, f"{TRIP} WHERE t.trip_id = ?", (trip_id,))


def tracks(connection: sqlite3.Connection, video_id: str) -> list[Track]:
    """What was followed in a clip, sightings and refusals, in time order."""
    sql = f"SELECT {_columns(Track)} FROM tracks WHERE video_id = ? ORDER BY first_pts_ms, track_id"
    return select(connection, Track, sql, (video_id,))


def filtering(connection: sqlite3.Connection, video_id: str) -> dict[str, Any] | None:
    """How many frames were kept, and why the others were not."""
    names = ("frames_total", "frames_kept", "proposals", "dropped", "corrupt_frames", "decode_errors", "lost_frames")
    row = connection.execute(f"SELECT {', '.join(names)} FROM filtering WHERE video_id = ?", (video_id,)).fetchone()
    if row is None:
        return None
    found = dict(zip(names, row, strict=True))
    return {**found, "dropped": orjson.loads(found["dropped"]) if found["dropped"] else {}}


def steps(connection: sqlite3.Connection, video_id: str) -> list[Step]:
    """The tasks of a clip that are known to be its own: done, failed or being worked on."""
    sql = f"SELECT {_columns(Step)} FROM tasks WHERE video_id = ? ORDER BY completed_at IS NULL, completed_at, path"
    return select(connection, Step, sql, (video_id,))


def artifacts(connection: sqlite3.Connection, video_id: str, kind: str) -> list[Media]:
    """A clip's files of one type."""
    sql = f"SELECT {_columns(Media)} FROM artifacts WHERE video_id = ? AND type = ? ORDER BY path"
    return select(connection, Media, sql, (video_id, kind))


def artifact(connection: sqlite3.Connection, artifact_id: str) -> Media | None:
    """One file, by its id."""
    return first(connection, Media, f"SELECT {_columns(Media)} FROM artifacts WHERE artifact_id = ?", (artifact_id,))


def in_condition(connection: sqlite3.Connection, condition: str, limit: int = 100) -> list[Step]:
    """Tasks that are ready, claimed or delayed, the oldest first."""
    sql = f"SELECT {_columns(Step)} FROM tasks WHERE condition = ? ORDER BY created_at, task_id LIMIT ?"
    return select(connection, Step, sql, (condition, limit))


def workers(connection: sqlite3.Connection) -> list[Worker]:
    """Who works, by their own records."""
    found = []
    for name, content in connection.execute("SELECT name, content FROM devices WHERE kind = 'worker' ORDER BY name"):
        told = orjson.loads(content)
        found.append(Worker(name, str(told.get("host", "")), told.get("holds"), told.get("beat")))
    return found
