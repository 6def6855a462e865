"""Reads tracks that lie beside a clip as GPX or as subtitles (SRT, as DJI and some dashcams write them)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import gpxpy
import gpxpy.gpx

from dashtools.backends.clip_clock import ASSUMED_MS, clip_start_ms, video_times
from dashtools.geodesy import is_plausible
from dashtools.model import Fix, Track
from dashtools.ports import ClipFacts
from dashtools.times import UTC, to_text

MAX_LOG_BYTES = 32 << 20
MAX_SLOTS = 100_000
MAX_SPEED_MPS = 150.0
AROUND_MS = 5000  # fixes that far outside the clip may still bracket its first and last frame
CUE = re.compile(
    r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})\s*-->\s*\d+:\d\d:\d\d[,.]\d{1,3}[^\n]*\n(.*?)(?=\n\s*\n|\Z)", re.DOTALL
)
NUMBER = r"(-?\d{1,3}(?:\.\d+)?)"
PLACES = (
    # DJI: GPS(longitude, latitude, height)
    (re.compile(rf"GPS ?\({NUMBER}, ?{NUMBER}(?:, ?{NUMBER}M?)?\)"), ("longitude", "latitude", "altitude")),
    # DJI, later: [latitude: 22.1] [longitude: 113.2] (with the typing error of its first firmware)
    (re.compile(rf"latitude ?: ?{NUMBER}\]? .*?long?t?itude ?: ?{NUMBER}", re.DOTALL), ("latitude", "longitude")),
    # dashcams: N:48.100158 W:002.100158
    (re.compile(r"([NS])[: ] ?(\d{1,2}\.\d+)°?,? +([EW])[: ] ?(\d{1,3}\.\d+)"), ("letters",)),
    # LAT: 48.1 LON: 2.1
    (
        re.compile(rf"\bLAT[A-Z]*[:= ] ?{NUMBER}[,; ]+LON[A-Z]*[:= ] ?{NUMBER}", re.IGNORECASE),
        ("latitude", "longitude"),
    ),
)
SPEEDS = (
    (re.compile(r"\bH\.S (\d+(?:\.\d+)?)m/s"), 1.0),
    (re.compile(r"(\d+(?:\.\d+)?) ?km/h", re.IGNORECASE), 1 / 3.6),
    (re.compile(r"(\d+(?:\.\d+)?) ?mph", re.IGNORECASE), 0.44704),
)


class GpxGps:
    """The points of a GPX file of the clip's name; see ports.GpsReader."""

    name = "gpx"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when there is none beside; points far outside the clip are left out."""
        for beside in _beside(path, ".gpx"):
            with beside.open("rb") as stream:
                text = stream.read(MAX_LOG_BYTES)
            try:
                document = gpxpy.parse(text.decode("utf-8", "replace"))
            except gpxpy.gpx.GPXException:
                continue
            points = [p for track in document.tracks for segment in track.segments for p in segment.points][:MAX_SLOTS]
            if points:
                return _gpx_track(points, beside.stem, facts.duration_s)
        return None


def _gpx_track(points: list[gpxpy.gpx.GPXTrackPoint], stem: str, duration_s: float) -> Track:
    fixes = [_point(point) for point in points]
    if any(point.time is None for point in points):
        note = "the points have no times: they are counted, one a second"
        return Track(
            "gpx",
            tuple(Fix(**{**f.to_json(), "t_ms": 1000 * k}) for k, f in enumerate(fixes)),
            note=note,
            uncertainty_ms=ASSUMED_MS,
        )
    moments = [point.time.replace(tzinfo=point.time.tzinfo or UTC) for point in points if point.time is not None]
    stamps = [round(moment.timestamp() * 1000) for moment in moments]
    order = sorted(range(len(stamps)), key=lambda k: stamps[k])
    start_ms = _start_inside([stamps[k] for k in order], stem, duration_s)
    times, assumed = video_times(stamps, stem, duration_s)
    if start_ms is not None:
        times, assumed = [stamp - start_ms for stamp in stamps], None
    end_ms = 1000 * duration_s + AROUND_MS if duration_s > 0 else float("inf")
    kept = tuple(
        Fix(**{**fixes[k].to_json(), "t_ms": times[k]}) for k in order if -AROUND_MS <= times[k] <= end_ms
    )  # fmt: skip
    return Track(
        "gpx",
        kept,
        note=assumed if kept else "no point of the file lies within the clip",
        uncertainty_ms=ASSUMED_MS if assumed else None,
    )


def _start_inside(stamps: list[int], stem: str, duration_s: float) -> int | None:
    """The clip's start on the points' clock: the log may have begun long before the clip."""
    for stamp in stamps:
        start_ms = clip_start_ms(stamp, stem, min(duration_s or 60.0, 600.0), slack_ms=0)
        if start_ms is not None:
            return start_ms
    return None


def _point(point: gpxpy.gpx.GPXTrackPoint) -> Fix:
    utc = to_text(point.time.replace(tzinfo=point.time.tzinfo or UTC)) if point.time else None
    if not is_plausible(point.latitude, point.longitude):
        return Fix(0, False, utc=utc)
    speed, course = point.speed, point.course
    return Fix(
        0,
        True,
        latitude=point.latitude,
        longitude=point.longitude,
        speed_mps=speed if speed is not None and 0 <= speed <= MAX_SPEED_MPS else None,
        bearing_deg=course % 360.0 if course is not None and 0 <= course <= 360 else None,
        altitude_m=point.elevation,
        utc=utc,
    )


class SrtGps:
    """A slot for each subtitle of a file of the clip's name; see ports.GpsReader. Cues have the clip's own time."""

    name = "srt"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when there is none beside, or no cue in it names a place."""
        for beside in _beside(path, ".srt"):
            with beside.open("rb") as stream:
                text = stream.read(MAX_LOG_BYTES).decode("utf-8", "replace").replace("\r", "")
            fixes = srt_fixes(text)
            if any(fix.is_valid for fix in fixes):
                return Track(self.name, fixes)
        return None


def srt_fixes(text: str) -> tuple[Fix, ...]:
    """A slot a cue, in order; void where a cue names no possible place."""
    found: list[Fix] = []
    for hour, minute, second, milli, body in (match.groups() for match in CUE.finditer(text)):
        t_ms = 1000 * (3600 * int(hour) + 60 * int(minute) + int(second)) + int(milli.ljust(3, "0"))
        place = _place(body)
        if place is None or not is_plausible(place[0], place[1]):
            found.append(Fix(t_ms, False))
        else:
            found.append(
                Fix(t_ms, True, latitude=place[0], longitude=place[1], altitude_m=place[2], speed_mps=_speed(body))
            )
        if len(found) >= MAX_SLOTS:
            break
    return tuple(sorted(found, key=lambda fix: fix.t_ms))


def _place(body: str) -> tuple[float, float, float | None] | None:
    for pattern, order in PLACES:
        match = pattern.search(body)
        if match is None:
            continue
        if order == ("letters",):
            north = float(match[2]) * (-1 if match[1] == "S" else 1)
            return north, float(match[4]) * (-1 if match[3] == "W" else 1), None
        named = dict(zip(order, match.groups()))
        latitude, longitude = float(named["latitude"]), float(named["longitude"])
        return latitude, longitude, float(named["altitude"]) if named.get("altitude") else None
    return None


def _speed(body: str) -> float | None:
    for pattern, factor in SPEEDS:
        if match := pattern.search(body):
            speed = float(match[1]) * factor
            return speed if speed <= MAX_SPEED_MPS else None
    return None


def _beside(path: Path, suffix: str) -> Iterator[Path]:
    """The file itself when it is of the kind, else files of the same name with the suffix in either spelling."""
    if path.suffix.lower() == suffix:
        yield path
        return
    for spelled in (suffix, suffix.upper()):
        beside = path.with_suffix(spelled)
        if beside.is_file():
            yield beside
