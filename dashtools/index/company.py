"""Who keeps you company: on how many of your trips, days and places a plate was seen, against how common that is."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from dashtools.index import counts
from dashtools.index.queries import select

MOST_TRIPS = 50


@dataclass(frozen=True)
class Together:
    """One trip on which a plate was seen: how often, and how long between the first time and the last."""

    trip_id: str
    started_at: str | None
    utc_offset_min: int | None
    recorded_at_method: str | None
    times: int
    clips: int
    places: int
    span_s: float


@dataclass(frozen=True)
class Company:
    """How often a plate was met, and how many plates were met as often: the base rate."""

    trips: int
    trips_in_all: int
    days: int
    places: int
    as_often: int
    plates_in_all: int
    together: tuple[Together, ...]

    @property
    def base_rate(self) -> float:
        """The share of all plates that were seen on as many days or more."""
        return self.as_often / self.plates_in_all if self.plates_in_all else 0.0


TOGETHER = f"""
SELECT t.trip_id, t.started_at,
    (SELECT v.utc_offset_min FROM videos v WHERE v.trip_id = t.trip_id ORDER BY v.recorded_at) AS utc_offset_min,
    (SELECT v.recorded_at_method FROM videos v WHERE v.trip_id = t.trip_id ORDER BY v.recorded_at)
    AS recorded_at_method,
    count(*) AS times, count(DISTINCT s.video_id) AS clips, count(DISTINCT s.cell) AS places,
    coalesce((julianday(max(s.seen_at)) - julianday(min(s.seen_at))) * 86400, 0) AS span_s
FROM sightings s JOIN videos v ON v.video_id = s.video_id JOIN trips t ON t.trip_id = v.trip_id
WHERE s.plate = ? GROUP BY t.trip_id ORDER BY t.started_at DESC, t.trip_id LIMIT {MOST_TRIPS}
"""


def company(connection: sqlite3.Connection, plate: str) -> Company:
    """What is known of a plate's company."""
    trips, places = connection.execute(
        "SELECT count(DISTINCT v.trip_id), count(DISTINCT s.cell) FROM sightings s"
        " JOIN videos v ON v.video_id = s.video_id WHERE s.plate = ?",
        (plate,),
    ).fetchone()
    row = connection.execute("SELECT days FROM plates WHERE plate = ?", (plate,)).fetchone()
    days = 0 if row is None else int(row[0] or 0)
    totals = counts.totals(connection)
    together = tuple(select(connection, Together, TOGETHER, (plate,)))
    return Company(trips, totals.trips, days, places, counts.plates_seen_on(connection, days), totals.plates, together)
