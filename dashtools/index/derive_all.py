"""What follows from all rows of a new index: the same values as derive.py gives, for everything at once."""

from __future__ import annotations

import sqlite3

from dashtools.index import trips
from dashtools.index.derive import PLATES_SQL, SIGHTINGS_SQL, driven


def of_rows(connection: sqlite3.Connection) -> None:
    """Crops, times and distances; asked before the tables that change have all their indexes."""
    for sql in SIGHTINGS_SQL:
        connection.execute(sql.format("1"))
    connection.executemany("UPDATE videos SET distance_m = ? WHERE video_id = ?", driven(connection))


def of_groups(connection: sqlite3.Connection) -> None:
    """Plates and trips; needs the indexes."""
    connection.execute(PLATES_SQL.format("plate IS NOT NULL"))
    trips.derive_all(connection)


def of_words(connection: sqlite3.Connection) -> None:
    """What full-text search looks up; later the triggers keep it."""
    for table in ("plates_fts", "plates_trigram"):
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('rebuild')")
