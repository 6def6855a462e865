"""Says when a clip began, how that is known, and in which zone the camera's clock ran."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashtools.model import Fix, Track
from dashtools.stages.clock import uncertainty_ms
from dashtools.times import UTC, from_seconds, from_text, to_text

ZONE_STEP_MIN = 15  # every zone in use is a multiple of a quarter of an hour
MAX_OFFSET_MIN = 14 * 60
STAMP_UNSURE_S = 0.5
SUN_TOLERANCE_H = 2.5  # how far zones stray from the sun's time by longitude


@dataclass(frozen=True)
class Recorded:
    """`at` is RFC 3339 text of the first frame's time, or None; `utc_offset_min` is None where no source tells it."""

    at: str | None
    method: str
    utc_offset_min: int | None = None
    skew_s: float | None = None
    """Seconds that the camera's clock is ahead of the satellites', its zone taken off."""
    uncertainty_s: float | None = None
    """How far `at` may be off; None where not even the zone is known."""


def recorded(track: Track, local_time: datetime | None, creation_time: str | None) -> Recorded:
    """When a clip began: by satellites, else by its name, else by its container.

    Without a fix the zone is unknown: local time is then given as if it were UTC, and the method says so.
    """
    fixes = [fix for fix in track.fixes if fix.is_valid and fix.utc]
    if fixes:
        # the median, because clocks jump at the first fix after a cold start
        began_s = statistics.median(from_text(fix.utc or "").timestamp() - fix.t_ms / 1000 for fix in fixes)
        began = from_seconds(round(began_s, 3))
        offset = zone_offset_min(local_time, began)
        method = "gps, stamps may be local time" if _looks_local(fixes, offset) else "gps"
        return Recorded(to_text(began), method, offset, _skew_s(local_time, began, offset), _unsure_s(track))
    if local_time is not None:
        return Recorded(to_text(local_time.replace(tzinfo=UTC)), "filename, zone unknown")
    created = _created(creation_time)
    return Recorded(created, "container, zone unknown") if created else Recorded(None, "none")


def zone_offset_min(local_time: datetime | None, began: datetime) -> int | None:
    """Minutes that the camera's clock is ahead of UTC, to the nearest quarter of an hour.

    >>> zone_offset_min(datetime(2017, 7, 9, 8, 21, 16), datetime(2017, 7, 9, 5, 21, 18, tzinfo=UTC))
    180
    """
    if local_time is None:
        return None
    minutes = (local_time.replace(tzinfo=UTC) - began) / timedelta(minutes=1)
    offset = round(minutes / ZONE_STEP_MIN) * ZONE_STEP_MIN
    return offset if abs(offset) <= MAX_OFFSET_MIN else None


def _skew_s(local_time: datetime | None, began: datetime, offset: int | None) -> float | None:
    if local_time is None or offset is None:
        return None
    return round((local_time.replace(tzinfo=UTC) - began).total_seconds() - 60 * offset, 3)


def _unsure_s(track: Track) -> float:
    """Half a second of the receiver's whole seconds, and what its stamps stray against video time."""
    return STAMP_UNSURE_S + (uncertainty_ms(track) or 0) / 1000


def _looks_local(fixes: list[Fix], offset: int | None) -> bool:
    """Does the receiver agree with the camera's clock where the sun does not? Some cameras stamp local time."""
    longitude = fixes[0].longitude or 0.0
    return offset == 0 and abs(longitude) / 15 > SUN_TOLERANCE_H


def _created(text: str | None) -> str | None:
    """The container's time as RFC 3339, unless it is a clock that was never set."""
    try:
        when = from_text((text or "").strip())
    except ValueError:
        return None
    return to_text(when) if 2005 <= when.year <= 2100 else None
