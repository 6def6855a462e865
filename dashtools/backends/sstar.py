"""Decodes the GPS samples of SStar cameras, a second each: Neoline and others, and Rove; track format `ssmd`.

Layout of 40 bytes, from real samples: f64 latitude, f64 longitude (degrees, signed), u32 altitude in metres, u16 km/h,
then year less 1900, month from 0, day, hour, minute, second as bytes. Of 32 bytes (Rove R2-4K), from ExifTool's table:
f64 DDMM.MMMM twice, signed, four unknown, u16 knots, year less 2000, month, ... as bytes. Without a fix the latitude
holds 2^32 - 1.
"""

from __future__ import annotations

import struct
from datetime import datetime, timezone

from dashtools.backends.receiver import KNOT_MPS, degrees, fix_at, utc
from dashtools.backends.timed_samples import Sample
from dashtools.model import Fix
from dashtools.ports import ClipFacts
from dashtools.times import to_text

RECORD_BYTES = 40
ROVE_BYTES = 32
NO_FIX = 2**32 - 1


def fixes_of(sample: Sample, facts: ClipFacts) -> list[Fix]:
    """The slot of one sample; none when it is of another size."""
    if len(sample.text) == ROVE_BYTES:
        return _rove(sample)
    if len(sample.text) != RECORD_BYTES:
        return []
    latitude, longitude, altitude, kmh = struct.unpack_from("<2diH", sample.text)
    stamp = _utc(sample.text[22:28])
    values = {"t_ms": round(sample.t_ms), "speed_mps": kmh / 3.6, "altitude_m": float(altitude)}
    return [fix_at(latitude, longitude, stamp=stamp, **values)]


def _rove(sample: Sample) -> list[Fix]:
    """A 32-byte sample; none when it has neither a date nor the mark of no fix."""
    latitude, longitude, knots, year, *rest = struct.unpack_from("<2d4xH6B", sample.text)
    stamp, t_ms = utc(2000 + year, *rest), round(sample.t_ms)
    if latitude == NO_FIX:
        return [Fix(t_ms, False, utc=stamp)]
    if stamp is None:
        return []
    return [fix_at(degrees(latitude), degrees(longitude), t_ms=t_ms, speed_mps=knots * KNOT_MPS, stamp=stamp)]


def _utc(clock: bytes) -> str | None:
    year, month, day, hour, minute, second = clock
    try:
        return to_text(datetime(1900 + year, month + 1, day, hour, minute, second, tzinfo=timezone.utc))
    except ValueError:
        return None
