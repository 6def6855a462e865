"""Decodes the GPS samples of SStar cameras (Neoline and others): track format `ssmd`, 40 bytes a second.

Layout from real samples: f64 latitude, f64 longitude (degrees, signed), u32 altitude in metres, u16 km/h, then year
less 1900, month from 0, day, hour, minute, second as bytes. Without a fix both coordinates hold 2^32 - 1.
"""

from __future__ import annotations

import struct
from datetime import datetime, timezone

from dashtools.backends.timed_samples import Sample
from dashtools.geodesy import is_plausible
from dashtools.model import Fix
from dashtools.ports import ClipFacts
from dashtools.times import to_text

RECORD_BYTES = 28
MAX_KMH = 500


def fixes_of(sample: Sample, facts: ClipFacts) -> list[Fix]:
    """The slot of one sample; none when it is too short to be one."""
    if len(sample.text) < RECORD_BYTES:
        return []
    latitude, longitude, altitude, kmh = struct.unpack_from("<2diH", sample.text)
    utc, t_ms = _utc(sample.text[22:28]), round(sample.t_ms)
    if not is_plausible(latitude, longitude):
        return [Fix(t_ms, False, utc=utc)]
    return [
        Fix(
            t_ms,
            True,
            latitude=latitude,
            longitude=longitude,
            speed_mps=kmh / 3.6 if kmh <= MAX_KMH else None,
            altitude_m=float(altitude) if abs(altitude) < 20_000 else None,
            utc=utc,
        )
    ]


def _utc(clock: bytes) -> str | None:
    year, month, day, hour, minute, second = clock
    try:
        return to_text(datetime(1900 + year, month + 1, day, hour, minute, second, tzinfo=timezone.utc))
    except ValueError:
        return None
