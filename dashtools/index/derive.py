"""What follows from the rows of touched videos: crops and times of sightings, distances, trips, plates.

Every value is a function of the rows present, never of the order in which they came.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby

from dashtools.geodesy import EARTH_RADIUS_M
from dashtools.index import trips

CORRECTIONS = (
    "FROM notes n WHERE n.subject = 'sighting:' || sightings.sighting_id AND n.kind = 'correction' AND n.is_current"
)
SIGHTINGS_SQL = (
    "UPDATE sightings SET read_as = coalesce(read_as, plate), plate = coalesce(read_as, plate) WHERE {}",
    f"""UPDATE sightings SET plate = (SELECT n.value {CORRECTIONS})
        WHERE sighting_id IN (SELECT substr(subject, 10) FROM notes WHERE kind = 'correction' AND is_current)
        AND is_still_of((SELECT n.said_of {CORRECTIONS}), read_as) AND {{}}""",
    """UPDATE sightings SET
        folded = fold(plate),
        cell = cell(latitude, longitude),
        crop_path = (SELECT min(c.path) FROM crops c WHERE c.sighting_id = sightings.sighting_id),
        seen_at = moment((SELECT min(v.recorded_at) FROM videos v WHERE v.video_id = sightings.video_id),
                         coalesce(best_pts_ms, first_pts_ms)) WHERE {}""",
)
PLATES_SQL = """
INSERT INTO plates
    (plate, folded, sightings, videos, first_seen, last_seen, best_sighting_id, best_confidence, days)
SELECT plate, fold(plate), count(*), count(DISTINCT video_id), min(seen_at), max(seen_at),
    (SELECT b.sighting_id FROM sightings b WHERE b.plate = s.plate
     ORDER BY b.crop_path IS NULL, b.confidence DESC, b.sighting_id LIMIT 1),
    max(confidence), count(DISTINCT substr(seen_at, 1, 10))
FROM sightings s WHERE {} GROUP BY plate ORDER BY plate
"""
PLACES_SQL = """
SELECT video_id, latitude, longitude FROM fixes WHERE is_valid AND latitude IS NOT NULL AND longitude IS NOT NULL {}
ORDER BY video_id, t_ms, slot, record
"""
TOUCHED = "video_id IN (SELECT video_id FROM touched)"


class Derivation:
    """Collects what a batch touches, then brings the derived values up to date."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        for table, column in (("touched", "video_id"), ("touched_plates", "plate"), ("touched_trips", "trip_id")):
            connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table} ({column} TEXT PRIMARY KEY)")

    def before(self, video_ids: Iterable[str]) -> None:
        """Marks videos whose rows are about to change, and notes which plates and trips they belong to now."""
        ids = [(video_id,) for video_id in video_ids]
        for sql in (
            "INSERT OR IGNORE INTO touched VALUES (?)",
            "INSERT OR IGNORE INTO touched_plates SELECT plate FROM sightings WHERE video_id = ? AND plate IS NOT NULL",
            "INSERT OR IGNORE INTO touched_trips SELECT trip_id FROM videos WHERE video_id = ? AND trip_id IS NOT NULL",
        ):
            self._connection.executemany(sql, ids)

    def finish(self) -> None:
        """Derives everything anew for the touched videos."""
        execute = self._connection.execute
        for sql in SIGHTINGS_SQL:
            execute(sql.format(TOUCHED))
        execute(
            f"INSERT OR IGNORE INTO touched_plates SELECT plate FROM sightings WHERE plate IS NOT NULL AND {TOUCHED}"
        )
        execute("DELETE FROM plates WHERE plate IN (SELECT plate FROM touched_plates)")
        execute(PLATES_SQL.format("plate IN (SELECT plate FROM touched_plates)"))
        execute(f"UPDATE videos SET distance_m = NULL WHERE {TOUCHED}")
        self._connection.executemany(
            "UPDATE videos SET distance_m = ? WHERE video_id = ?", driven(self._connection, f"AND {TOUCHED}")
        )
        trips.derive_touched(self._connection)
        for table in ("touched", "touched_plates", "touched_trips"):
            execute(f"DELETE FROM {table}")


def driven(connection: sqlite3.Connection, which: str = "") -> Iterator[tuple[float, str]]:
    """The metres driven in each video that holds places, with its id."""
    rows = connection.execute(PLACES_SQL.format(which))
    for video_id, places in groupby(rows, key=lambda row: row[0]):
        yield length_m((latitude, longitude) for _, latitude, longitude in places), video_id


def length_m(places: Iterable[tuple[float, float]]) -> float:
    """The length of a way in metres, to the decimetre: haversine from place to place.

    >>> length_m([(0.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
    222390.2
    """
    total, before = 0.0, None
    for latitude, longitude in places:
        phi, lam = math.radians(latitude), math.radians(longitude)
        here = (phi, lam, math.cos(phi))
        if before is not None:
            half = math.sin((phi - before[0]) / 2) ** 2
            half += before[2] * here[2] * math.sin((lam - before[1]) / 2) ** 2
            total += math.asin(min(1.0, math.sqrt(half)))
        before = here
    return round(2 * EARTH_RADIUS_M * total, 1)
