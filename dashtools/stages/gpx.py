"""A camera's track as GPX 1.1."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import gpxpy.gpx

from dashtools.model import Fix, Track
from dashtools.times import from_text


def to_gpx(track: Track, name: str, recorded_at: str | None) -> str:
    """GPX text of one clip; see gpx_of."""
    return gpx_of([(track, name, recorded_at)])


def gpx_of(tracks: Sequence[tuple[Track, str, str | None]]) -> str:
    """GPX text with a track for each (track, name, when it began) and a point for each valid fix.

    A new segment begins after a void slot. A point's time is the receiver's, else the clip's start plus video
    time, else absent.
    """
    document = gpxpy.gpx.GPX()
    document.creator = "dashtools"
    document.tracks = [_path(track, name, recorded_at) for track, name, recorded_at in tracks]
    return str(document.to_xml(version="1.1"))


def _path(track: Track, name: str, recorded_at: str | None) -> gpxpy.gpx.GPXTrack:
    path = gpxpy.gpx.GPXTrack(name=name)
    start = from_text(recorded_at) if recorded_at else None
    segment = None
    for fix in track.fixes:
        if not fix.is_valid or fix.latitude is None or fix.longitude is None:
            segment = None
            continue
        if segment is None:
            segment = gpxpy.gpx.GPXTrackSegment()
            path.segments.append(segment)
        point = gpxpy.gpx.GPXTrackPoint(fix.latitude, fix.longitude, elevation=fix.altitude_m, time=_time(fix, start))
        segment.points.append(point)
    return path


def _time(fix: Fix, start: datetime | None) -> datetime | None:
    if fix.utc is not None:
        return from_text(fix.utc)
    return None if start is None else start + timedelta(milliseconds=fix.t_ms)
