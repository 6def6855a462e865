"""Decodes the positions of camera motion metadata (Google's CAMM specification, packet types 5 and 6)."""

from __future__ import annotations

import math
import struct

from dashtools.backends.timed_samples import Sample
from dashtools.geodesy import is_plausible
from dashtools.model import Fix
from dashtools.ports import ClipFacts
from dashtools.times import from_seconds, from_text, to_text

GPS_EPOCH_S = 315_964_800  # 1980-01-06 in POSIX time
LEAP_S = 18  # between GPS time and UTC since 2017
YEAR_S = 31_556_952
MAX_SPEED_MPS = 150.0


def fixes_of(sample: Sample, facts: ClipFacts) -> list[Fix]:
    """The fix of one packet; none for the other types (gyroscope, acceleration, ...)."""
    if len(sample.text) < 4:
        return []
    kind, body, t_ms = struct.unpack_from("<H", sample.text, 2)[0], sample.text[4:], round(sample.t_ms)
    if kind == 5 and len(body) >= 24:
        latitude, longitude, altitude = struct.unpack_from("<3d", body)
        return [_fix(t_ms, latitude, longitude, altitude)]
    if kind == 6 and len(body) >= 56:
        stamp, fix_type, latitude, longitude = struct.unpack_from("<didd", body)
        altitude, _, _, east, north, _, _ = struct.unpack_from("<7f", body, 28)
        if fix_type not in (2, 3):
            return [Fix(t_ms, False)]
        return [_fix(t_ms, latitude, longitude, altitude, (east, north), _utc(stamp, facts.creation_time))]
    return []


def _fix(
    t_ms: int,
    latitude: float,
    longitude: float,
    altitude: float,
    velocity: tuple[float, float] | None = None,
    utc: str | None = None,
) -> Fix:
    if not is_plausible(latitude, longitude):
        return Fix(t_ms, False, utc=utc)
    speed = course = None
    if velocity is not None and (size := math.hypot(*velocity)) <= MAX_SPEED_MPS:
        speed, course = size, math.degrees(math.atan2(velocity[0], velocity[1])) % 360.0
    return Fix(
        t_ms,
        True,
        latitude=latitude,
        longitude=longitude,
        altitude_m=altitude if abs(altitude) < 20_000 else None,
        speed_mps=speed,
        bearing_deg=course,
        utc=utc,
    )


def _utc(stamp_s: float, creation_time: str | None) -> str | None:
    """The stamp counts from 1980 by the specification; many writers count from 1970: the container's date decides."""
    if not (math.isfinite(stamp_s) and 0 < stamp_s < 4.2e9):
        return None
    from_1980 = stamp_s + GPS_EPOCH_S - LEAP_S
    try:
        created_s = from_text(creation_time or "").timestamp()
    except ValueError:
        created_s = 0.0
    is_1980 = created_s > 0 and abs(from_1980 - created_s) < 5 * YEAR_S < abs(stamp_s - created_s)
    return to_text(from_seconds(round(from_1980 if is_1980 else stamp_s, 3)))
