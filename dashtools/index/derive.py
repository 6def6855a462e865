"""What follows from the rows of touched videos: crops and times of sightings, distances, trips, plates.

Every value is a function of the rows present, never of the order in which they came.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from dashtools.geodesy import distance_m
from dashtools.index import trips

SIGHTINGS_SQL = """
UPDATE sightings SET
    folded = fold(plate),
    crop_path = (SELECT min(c.path) FROM crops c WHERE c.sighting_id = sightings.sighting_id),
    seen_at = moment((SELECT min(v.recorded_at) FROM videos v WHERE v.video_id = sightings.video_id),
                     coalesce(best_pts_ms, first_pts_ms))
WHERE video_id IN (SELECT video_id FROM touched)
"""

PLATES_SQL = """
INSERT INTO plates (plate, folded, sightings, videos, first_seen, last_seen, best_sighting_id, best_confidence)
SELECT plate, fold(plate), count(*), count(DISTINCT video_id), min(seen_at), max(seen_at),
    (SELECT b.sighting_id FROM sightings b WHERE b.plate = s.plate
     ORDER BY b.crop_path IS NULL, b.confidence DESC, b.sighting_id LIMIT 1),
    max(confidence)
FROM sightings s WHERE plate IN (SELECT plate FROM touched_plates) GROUP BY plate ORDER BY plate
"""


class Derivation:
    """Collects what a batch touches, then brings the derived values up to date."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS touched (video_id TEXT PRIMARY KEY)")
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS touched_plates (plate TEXT PRIMARY KEY)")
        self._cameras: set[str] = set()

    def touch(self, video_ids: Iterable[str]) -> None:
        """Marks videos whose rows are new."""
        self._connection.executemany("INSERT OR IGNORE INTO touched VALUES (?)", [(v,) for v in video_ids])

    def before(self, video_ids: Iterable[str]) -> None:
        """Marks videos whose rows are about to change, and notes which plates and cameras they speak of now."""
        ids = list(video_ids)
        self.touch(ids)
        for video_id in ids:
            self._note("= ?", (video_id,))

    def finish(self) -> None:
        """Derives everything anew for the touched videos."""
        self._note("IN (SELECT video_id FROM touched)", ())
        self._connection.execute(SIGHTINGS_SQL)
        self._connection.execute("DELETE FROM plates WHERE plate IN (SELECT plate FROM touched_plates)")
        self._connection.execute(PLATES_SQL)
        self._distances()
        trips.derive(self._connection, self._cameras)
        self._connection.execute("DELETE FROM touched")
        self._connection.execute("DELETE FROM touched_plates")
        self._cameras.clear()

    def _note(self, which: str, values: tuple[str, ...]) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO touched_plates SELECT plate FROM sightings"
            f" WHERE plate IS NOT NULL AND video_id {which}",
            values,
        )
        rows = self._connection.execute(
            f"SELECT DISTINCT coalesce(camera, '') FROM videos WHERE video_id {which}", values
        )
        self._cameras.update(row[0] for row in rows)

    def _distances(self) -> None:
        videos = [row[0] for row in self._connection.execute("SELECT video_id FROM touched")]
        for video_id in videos:
            driven_m = self._driven_m(video_id)
            self._connection.execute("UPDATE videos SET distance_m = ? WHERE video_id = ?", (driven_m, video_id))

    def _driven_m(self, video_id: str) -> float | None:
        points = self._connection.execute(
            "SELECT latitude, longitude FROM fixes WHERE video_id = ? AND is_valid AND latitude IS NOT NULL"
            " AND longitude IS NOT NULL ORDER BY t_ms, slot, record",
            (video_id,),
        ).fetchall()
        if not points:
            return None
        pairs = zip(points, points[1:])
        return round(sum(distance_m(a[0], a[1], b[0], b[1]) for a, b in pairs), 1)
