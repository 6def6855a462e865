"""What follows from the rows of touched videos: crops and times of sightings, distances, trips, plates.

Every value is a function of the rows present, never of the order in which they came.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator

from dashtools.geodesy import EARTH_RADIUS_M, distance_m
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
NEAR_DEG = 0.01
RADIANS = math.pi / 180
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
    video, places = "", []
    for video_id, latitude, longitude in connection.execute(PLACES_SQL.format(which)):
        if video_id != video:
            if places:
                yield length_m(places), video
            video, places = video_id, []
        places.append((latitude, longitude))
    if places:
        yield length_m(places), video


def length_m(places: Iterable[tuple[float, float]]) -> float:
    """The length of a way in metres, to the decimetre.

    Near places as on a plane, which is off by less than a millionth there; others along the great circle.

    >>> length_m([(52.0, 21.0), (52.0, 21.001)]), length_m([(0.0, 0.0), (0.0, 1.0)])
    (68.5, 111195.1)
    """
    total_deg, far_m = 0.0, 0.0
    steps = iter(places)
    latitude, longitude = next(steps)
    for north, east in steps:
        d_north, d_east = north - latitude, east - longitude
        if -NEAR_DEG < d_north < NEAR_DEG and -NEAR_DEG < d_east < NEAR_DEG:
            total_deg += math.hypot(d_north, d_east * math.cos((latitude + d_north / 2) * RADIANS))
        else:
            far_m += distance_m(latitude, longitude, north, east)
        latitude, longitude = north, east
    return round(total_deg * RADIANS * EARTH_RADIUS_M + far_m, 1)
