"""Trips: clips of one camera that follow each other closely; clips without a time, by their folder."""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, takewhile
from operator import itemgetter
from typing import Any

from dashtools.index.moments import parsed, stamp

LONGEST_GAP_S = 300
CLIPS = """SELECT coalesce(camera, '') AS camera, video_id, storage, path, recorded_at, duration_ms FROM
    (SELECT *, min(record) FROM videos {} GROUP BY video_id) ORDER BY 1"""
# of two rows that claim to be one video, always the same one counts


@dataclass(frozen=True, slots=True)
class Clip:
    """What decides which trip a clip belongs to."""

    video_id: str
    folder: str
    started: datetime | None
    duration_ms: int

    @property
    def ended(self) -> datetime | None:
        return None if self.started is None else self.started + timedelta(milliseconds=self.duration_ms)


@dataclass(frozen=True)
class Trip:
    """Clips that were driven in one go."""

    trip_id: str
    label: str
    clips: tuple[Clip, ...]

    @property
    def started(self) -> datetime | None:
        return min((clip.started for clip in self.clips if clip.started is not None), default=None)

    @property
    def ended(self) -> datetime | None:
        return max((clip.ended for clip in self.clips if clip.ended is not None), default=None)


def group(camera: str, clips: Iterable[Clip]) -> list[Trip]:
    """The trips of one camera, whatever the order of the clips."""
    ordered = sorted(clips, key=lambda clip: (clip.started.timestamp() if clip.started else 0.0, clip.video_id))
    timed = [clip for clip in ordered if clip.started is not None]
    folders: dict[str, list[Clip]] = {}
    for clip in ordered:
        if clip.started is None:
            folders.setdefault(clip.folder, []).append(clip)
    found = [_timed_trip(camera, run) for run in _runs(timed)]
    for folder, members in sorted(folders.items()):
        label = folder.rpartition("/")[2].strip(":").rpartition(":")[2]
        found.append(Trip(f"folder-{_short(camera, folder)}", label, tuple(members)))
    return found


def derive_all(connection: sqlite3.Connection) -> None:
    """Writes every trip of a new index."""
    _write_all(connection, connection.execute(CLIPS.format("")))


def derive_touched(connection: sqlite3.Connection) -> None:
    """Makes anew the trips that touched clips belong to, belonged to, or come close to; no other can change.

    Expects the temporary tables `touched` (videos) and `touched_trips` (where they were).
    """
    touched = connection.execute(CLIPS.format("WHERE video_id IN (SELECT video_id FROM touched)"))
    for camera, clips in _by_camera(touched):
        for trip in group(camera, clips):
            connection.executemany("INSERT OR IGNORE INTO touched_trips VALUES (?)", _near(connection, camera, trip))
    connection.execute(
        "INSERT OR IGNORE INTO touched SELECT video_id FROM videos WHERE trip_id IN (SELECT trip_id FROM touched_trips)"
    )
    connection.execute("DELETE FROM trips WHERE trip_id IN (SELECT trip_id FROM touched_trips)")
    _write_all(connection, connection.execute(CLIPS.format("WHERE video_id IN (SELECT video_id FROM touched)")))


def _near(connection: sqlite3.Connection, camera: str, trip: Trip) -> Iterator[tuple[str]]:
    """The trips that one made of touched clips could be one with: trips of a camera never overlap."""
    yield (trip.trip_id,)
    if trip.started is None or trip.ended is None:
        return
    gap = timedelta(seconds=LONGEST_GAP_S, milliseconds=1)
    rows = connection.execute(
        "SELECT trip_id, ended_at FROM trips WHERE camera IS ? AND started_at <= ? ORDER BY started_at DESC",
        (camera or None, stamp(trip.ended + gap)),
    )
    first = stamp(trip.started - gap)
    yield from ((trip_id,) for trip_id, ended_at in takewhile(lambda row: row[1] >= first, rows))


def _write_all(connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    for camera, clips in _by_camera(rows):
        for trip in group(camera, clips):
            _write(connection, camera, trip)


def _by_camera(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, list[Clip]]]:
    """The clips of one camera after the other; the rows come in that order."""
    for camera, members in groupby(rows, key=itemgetter(0)):
        clips = []
        for _, video_id, storage, path, recorded_at, duration_ms in members:
            folder = sys.intern(f"{storage}:{(path or '').rpartition('/')[0]}")
            clips.append(Clip(video_id, folder, parsed(recorded_at), int(duration_ms or 0)))
        yield camera, clips


def _runs(clips: list[Clip]) -> Iterator[list[Clip]]:
    run: list[Clip] = []
    end: datetime | None = None
    for clip in clips:
        if clip.started is None or clip.ended is None:
            continue
        if end is not None and (clip.started - end).total_seconds() > LONGEST_GAP_S:
            yield run
            run, end = [], None
        run.append(clip)
        end = clip.ended if end is None else max(end, clip.ended)
    if run:
        yield run


def _timed_trip(camera: str, run: list[Clip]) -> Trip:
    started = run[0].started
    text = "" if started is None else started.strftime("%Y%m%dT%H%M%SZ")
    return Trip(f"{text}-{_short(camera)}", camera or "unknown camera", tuple(run))


def _short(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=4).hexdigest()


def _write(connection: sqlite3.Connection, camera: str, trip: Trip) -> None:
    marks = [(trip.trip_id, clip.video_id) for clip in trip.clips]
    connection.executemany("UPDATE videos SET trip_id = ? WHERE video_id = ?", marks)
    sightings, plates = connection.execute(
        "SELECT count(*), count(DISTINCT s.plate) FROM sightings s"
        " WHERE s.video_id IN (SELECT video_id FROM videos WHERE trip_id = ?)",
        (trip.trip_id,),
    ).fetchone()
    (driven_m,) = connection.execute(
        "SELECT round(sum(distance_m), 1) FROM (SELECT distance_m FROM videos WHERE trip_id = ?"
        " AND coalesce(channel, '') NOT IN ('rear', 'interior') ORDER BY recorded_at, video_id)",
        (trip.trip_id,),
    ).fetchone()
    connection.execute(
        "INSERT OR REPLACE INTO trips VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            trip.trip_id,
            trip.label,
            camera or None,
            None if trip.started is None else stamp(trip.started),
            None if trip.ended is None else stamp(trip.ended),
            sum(clip.duration_ms for clip in trip.clips),
            len({clip.video_id for clip in trip.clips}),
            sightings,
            plates,
            driven_m,
        ),
    )
