"""Rows for other programs: columns whose names and order are a promise, times in UTC and as the clock showed them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dashtools.index.moments import moment, parsed

Row = dict[str, Any]

_OF_VIDEO = "v.utc_offset_min, v.recorded_at_method AS time_method"
_FIRST_VIDEO = "(SELECT v.{} FROM videos v WHERE v.trip_id = t.trip_id ORDER BY v.recorded_at LIMIT 1)"
_OFFSET_AT = """(SELECT v.utc_offset_min FROM sightings s JOIN videos v ON v.video_id = s.video_id
    WHERE s.plate = p.plate AND s.seen_at = p.{} LIMIT 1)"""
_SELECT = {
    "plates": f"""SELECT p.plate, p.sightings, p.videos, p.first_seen AS first_seen_utc, p.last_seen AS last_seen_utc,
        {_OFFSET_AT.format("first_seen")} AS first_offset_min, {_OFFSET_AT.format("last_seen")} AS last_offset_min,
        p.best_sighting_id, p.best_confidence FROM plates p WHERE {{where}} ORDER BY p.plate""",
    "sightings": f"""SELECT s.*, s.seen_at AS seen_at_utc, v.camera, v.channel, v.trip_id, {_OF_VIDEO}
        FROM sightings s LEFT JOIN videos v ON v.video_id = s.video_id WHERE {{where}}
        ORDER BY s.seen_at, s.video_id, s.first_pts_ms, s.sighting_id""",
    "trips": f"""SELECT t.*, t.started_at AS started_at_utc, t.ended_at AS ended_at_utc,
        {_FIRST_VIDEO.format("utc_offset_min")} AS utc_offset_min,
        {_FIRST_VIDEO.format("recorded_at_method")} AS time_method
        FROM trips t WHERE {{where}} ORDER BY t.started_at, t.trip_id""",
    "fixes": f"""SELECT f.*, v.clip, v.camera, v.trip_id, v.recorded_at, {_OF_VIDEO}
        FROM fixes f JOIN videos v ON v.video_id = f.video_id WHERE {{where}}
        ORDER BY v.recorded_at, f.video_id, f.t_ms, f.slot""",
}
COLUMNS: dict[str, tuple[str, ...]] = {
    "plates": (
        "plate", "sightings", "videos", "first_seen_utc", "first_seen_local", "last_seen_utc", "last_seen_local",
        "best_sighting_id", "best_confidence",
    ),
    "sightings": (
        "sighting_id", "plate", "confidence", "read_count", "seen_at_utc", "seen_at_local", "time_method",
        "latitude", "longitude", "bearing_deg", "speed_mps", "position_note", "video_id", "clip", "camera", "channel",
        "trip_id", "first_pts_ms", "last_pts_ms", "best_pts_ms", "first_frame", "last_frame", "best_frame", "crop_path",
    ),
    "trips": (
        "trip_id", "label", "camera", "started_at_utc", "started_at_local", "ended_at_utc", "ended_at_local",
        "time_method", "duration_ms", "clips", "sightings", "plates", "distance_m",
    ),
    "fixes": (
        "video_id", "clip", "camera", "trip_id", "slot", "t_ms", "utc", "local", "time_method", "is_valid",
        "latitude", "longitude", "speed_mps", "bearing_deg", "altitude_m",
    ),
}  # fmt: skip
_FILTERS = {
    "plates": {"plate": "p.plate = ?", "since": "p.last_seen >= ?", "until": "p.first_seen < ?"},
    "sightings": {
        "plate": "s.plate = ?",
        "video_id": "s.video_id = ?",
        "trip_id": "v.trip_id = ?",
        "since": "s.seen_at >= ?",
        "until": "s.seen_at < ?",
    },
    "trips": {"trip_id": "t.trip_id = ?", "since": "t.ended_at >= ?", "until": "t.started_at < ?"},
    "fixes": {
        "video_id": "f.video_id = ?",
        "trip_id": "v.trip_id = ?",
        "since": "moment(v.recorded_at, f.t_ms) >= ?",
        "until": "moment(v.recorded_at, f.t_ms) < ?",
    },
}


@dataclass(frozen=True)
class Selection:
    """Which rows: None leaves a thing open; `since` and `until` are UTC text with milliseconds, the end exclusive."""

    plate: str | None = None
    video_id: str | None = None
    trip_id: str | None = None
    since: str | None = None
    until: str | None = None


def filters_of(kind: str) -> set[str]:
    """What rows of a kind can be chosen by."""
    return set(_FILTERS[kind])


def rows(connection: sqlite3.Connection, kind: str, chosen: Selection) -> Iterator[Row]:
    """The rows of plates, sightings, trips or fixes, each with exactly COLUMNS[kind], one at a time."""
    connection.create_function("moment", 2, moment, deterministic=True)
    given = {name: value for name, value in vars(chosen).items() if value is not None and name in _FILTERS[kind]}
    where = " AND ".join(_FILTERS[kind][name] for name in given) or "1"
    cursor = connection.execute(_SELECT[kind].format(where=where), tuple(given.values()))
    names = [column[0] for column in cursor.description]
    for values in cursor:
        row = _with_times(kind, dict(zip(names, values, strict=True)))
        yield {name: row[name] for name in COLUMNS[kind]}


def _with_times(kind: str, row: Row) -> Row:
    if kind == "fixes":
        row["utc"] = row["utc"] or moment(row["recorded_at"], row["t_ms"])
        return {**row, "is_valid": bool(row["is_valid"]), "local": local_time(row["utc"], row["utc_offset_min"])}
    for name in [name for name in row if name.endswith("_utc")]:
        stem = name.removesuffix("_utc")
        offset = row.get(f"{stem.removesuffix('_seen')}_offset_min", row.get("utc_offset_min"))
        row[f"{stem}_local"] = local_time(row[name], offset)
    return row


def local_time(utc: str | None, offset_min: int | None) -> str | None:
    """The time as clocks showed it where the clip was made; None where the zone is not known.

    >>> local_time("2024-01-15T14:25:03.500Z", 60)
    '2024-01-15T15:25:03.500+01:00'
    """
    when = parsed(utc)
    if when is None or offset_min is None:
        return None
    local = (when + timedelta(minutes=offset_min)).replace(tzinfo=None)
    sign, rest = "-" if offset_min < 0 else "+", abs(offset_min)
    return f"{local.isoformat(timespec='milliseconds')}{sign}{rest // 60:02d}:{rest % 60:02d}"
