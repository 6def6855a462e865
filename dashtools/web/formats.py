"""How values read on a page: times, lengths, speeds; each is a Jinja filter of the same name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dashtools.index.moments import parsed
from dashtools.times import utc_now

COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
STAGE_NAMES = {
    "INGEST_VIDEO": "ingest",
    "PREPROCESS_VIDEO": "filter frames",
    "HEAVY_PROCESS_VIDEO": "read plates",
    "ARCHIVE_VIDEO": "archive",
    "FINALIZE_VIDEO": "summary",
    "CLEANUP_STORAGE": "clean up",
}


def clip_time(pts_ms: float | None) -> str:
    """A time in a clip.

    >>> clip_time(83_400), clip_time(None)
    ('1:23.4', '–')
    """
    if pts_ms is None:
        return "–"
    tenths = int(pts_ms) // 100
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def lasts(duration_ms: float | None) -> str:
    """How long something lasts.

    >>> lasts(59_000), lasts(3_725_000)
    ('59 s', '1 h 2 min')
    """
    if duration_ms is None:
        return "–"
    seconds = round(duration_ms / 1000)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s" if seconds % 60 else f"{seconds // 60} min"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def when(text: str | None, offset_min: int | None = None, method: str | None = None) -> str:
    """A date and time for people: in the clip's own zone where it is known, by the camera's clock, else UTC.

    >>> when("2024-01-15T14:25:03.500Z"), when("2024-01-15T14:25:03Z", 60)
    ('2024-01-15 14:25:03 UTC', '2024-01-15 15:25:03 +01:00')
    >>> when("2024-01-15T14:25:03Z", None, "filename, zone unknown")
    '2024-01-15 14:25:03 by its clock'
    """
    moment = parsed(text)
    if moment is None:
        return "time unknown"
    if offset_min is None:
        zone = "by its clock" if "zone unknown" in (method or "") else "UTC"
        return moment.strftime(f"%Y-%m-%d %H:%M:%S {zone}")
    sign, rest = "-" if offset_min < 0 else "+", abs(offset_min)
    local = moment + timedelta(minutes=offset_min)
    return f"{local.strftime('%Y-%m-%d %H:%M:%S')} {sign}{rest // 60:02d}:{rest % 60:02d}"


def ago(text: str | None) -> str:
    """How long ago a time was, in one unit."""
    moment = parsed(text)
    if moment is None:
        return "never"
    seconds = max(0, int((utc_now() - moment).total_seconds()))
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now" if seconds < 10 else f"{seconds} seconds ago"


def percent(share: float | None) -> str:
    r"""A share of 1 in percent.

    >>> percent(0.947)
    '95\xa0%'
    """
    return "–" if share is None else f"{share * 100:.0f}\N{NO-BREAK SPACE}%"


def kmh(speed_mps: float | None) -> str:
    """A speed in km/h."""
    return "–" if speed_mps is None else f"{speed_mps * 3.6:.0f} km/h"


def km(distance_m: float | None) -> str:
    """A distance in km."""
    return "–" if distance_m is None else f"{distance_m / 1000:.1f} km"


def compass(bearing_deg: float | None) -> str:
    """A bearing in words and degrees.

    >>> compass(92.0)
    'E (92°)'
    """
    if bearing_deg is None:
        return "–"
    return f"{COMPASS[round(bearing_deg / 45) % 8]} ({bearing_deg:.0f}°)"


def size(size_bytes: int | None) -> str:
    """A file's size.

    >>> size(1536), size(5_000_000)
    ('1.5 KiB', '4.8 MiB')
    """
    if size_bytes is None:
        return "–"
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def position(latitude: float | None, longitude: float | None) -> str:
    """Coordinates as text.

    >>> position(52.2297, -21.0122)
    '52.22970° N, 21.01220° W'
    """
    if latitude is None or longitude is None:
        return "no position"
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.5f}° {north}, {abs(longitude):.5f}° {east}"


def stage(task_type: str) -> str:
    """What a task type does, in plain words."""
    return STAGE_NAMES.get(task_type, task_type)


def install(environment: Any) -> None:
    """Makes these the filters of a Jinja environment."""
    for function in (clip_time, lasts, when, ago, percent, kmh, km, compass, size, position, stage):
        environment.filters[function.__name__] = function
