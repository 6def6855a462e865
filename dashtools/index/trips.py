"""Trips: clips of one camera that follow each other closely; clips without a time, by their folder."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashtools.index.moments import parsed, stamp

LONGEST_GAP_S = 300
OF_CAMERA = "coalesce(camera, '') = ?"


@dataclass(frozen=True)
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


def derive(connection: sqlite3.Connection, cameras: Iterable[str]) -> None:
    """Brings the trips of these cameras up to date; writes only those that hold a changed clip.

    Expects the temporary table `touched` of video ids.
    """
    touched = {row[0] for row in connection.execute("SELECT video_id FROM touched")}
    for camera in sorted(cameras):
        before = dict(connection.execute(f"SELECT video_id, trip_id FROM videos WHERE {OF_CAMERA}", (camera,)))
        present = {row[0] for row in connection.execute(f"SELECT trip_id FROM trips WHERE {OF_CAMERA}", (camera,))}
        found = group(camera, _clips(connection, camera))
        gone = present - {trip.trip_id for trip in found}
        connection.executemany("DELETE FROM trips WHERE trip_id = ?", [(trip_id,) for trip_id in sorted(gone)])
        for trip in found:
            ids = {clip.video_id for clip in trip.clips}
            is_same = all(before.get(video_id) == trip.trip_id for video_id in ids) and trip.trip_id in present
            if not is_same or ids & touched or _size(connection, trip.trip_id) != len(ids):
                _write(connection, camera, trip)


def _size(connection: sqlite3.Connection, trip_id: str) -> int:
    row = connection.execute("SELECT clips FROM trips WHERE trip_id = ?", (trip_id,)).fetchone()
    return -1 if row is None else int(row[0])


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


def _clips(connection: sqlite3.Connection, camera: str) -> list[Clip]:
    rows = connection.execute(
        "SELECT DISTINCT video_id, storage, path, recorded_at, duration_ms FROM videos WHERE " + OF_CAMERA,
        (camera,),
    )
    return [
        Clip(video_id, f"{storage}:{(path or '').rpartition('/')[0]}", parsed(recorded_at), int(duration_ms or 0))
        for video_id, storage, path, recorded_at, duration_ms in rows
    ]


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
    starts = [clip.started for clip in trip.clips if clip.started is not None]
    ends = [clip.ended for clip in trip.clips if clip.ended is not None]
    connection.execute(
        "INSERT OR REPLACE INTO trips VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            trip.trip_id,
            trip.label,
            camera or None,
            stamp(min(starts)) if starts else None,
            stamp(max(ends)) if ends else None,
            sum(clip.duration_ms for clip in trip.clips),
            len({clip.video_id for clip in trip.clips}),
            sightings,
            plates,
            driven_m,
        ),
    )
