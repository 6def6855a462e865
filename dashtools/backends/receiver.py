"""What satellite receivers write, as degrees, RFC 3339 text and a fix: angles as DDDMM.MMMM, clocks field by field."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

from dashtools.geodesy import is_plausible
from dashtools.model import Fix
from dashtools.times import to_text

KNOT_MPS = 1852 / 3600
MAX_SPEED_MPS = 150.0
MAX_ALTITUDE_M = 20_000
MAX_ANGLE = 1e6


def degrees(ddmm: float, *, is_negative: bool = False) -> float:
    """Degrees of DDDMM.MMMM, whose own sign counts too; NaN for what has more than sixty minutes.

    >>> degrees(15107.5, is_negative=True), degrees(-15107.5), degrees(15175.0)
    (-151.125, -151.125, nan)
    """
    if not (math.isfinite(ddmm) and abs(ddmm) < MAX_ANGLE):
        return math.nan
    whole = int(abs(ddmm) / 100)
    minutes = abs(ddmm) - 100 * whole
    if minutes > 60:  # sixty itself is what float32 makes of 59.99999
        return math.nan
    return math.copysign(whole + minutes / 60, -1 if is_negative or ddmm < 0 else 1)


def moment(year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime | None:
    """The aware moment of a receiver's clock; a leap second is the next one; None for what is no date.

    >>> moment(2016, 12, 31, 23, 59, 60)
    datetime.datetime(2017, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    is_leap = second == 60
    try:
        when = datetime(year, month, day, hour, minute, second - is_leap, tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None
    return when + timedelta(seconds=is_leap)


def utc(year: int, month: int, day: int, hour: int, minute: int, second: int) -> str | None:
    """The same as text; None for what is no date or before any receiver was in a car.

    >>> utc(2024, 1, 15, 14, 25, 0)
    '2024-01-15T14:25:00Z'
    """
    when = moment(year, month, day, hour, minute, second)
    return to_text(when) if when is not None and 1999 <= when.year <= 2100 else None


def fix_at(
    latitude: float,
    longitude: float,
    *,
    t_ms: int = 0,
    speed_mps: float | None = None,
    bearing_deg: float | None = None,
    altitude_m: float | None = None,
    stamp: str | None = None,
) -> Fix:
    """A fix of values in range; void when the position could not be one, without each other value that could not."""
    if not is_plausible(latitude, longitude):
        return Fix(t_ms, False, utc=stamp)
    return Fix(
        t_ms,
        True,
        latitude=latitude,
        longitude=longitude,
        speed_mps=speed_mps if speed_mps is not None and 0 <= speed_mps <= MAX_SPEED_MPS else None,
        bearing_deg=bearing_deg % 360.0 if bearing_deg is not None and 0 <= bearing_deg <= 360 else None,
        altitude_m=altitude_m if altitude_m is not None and abs(altitude_m) < MAX_ALTITUDE_M else None,
        utc=stamp,
    )
