"""Decodes Vueroid's track `TXET` (handler `tvxt`): 72 bytes twenty times a second, little-endian.

Layout: amkulikov's study of a Vueroid S1. At 0x34 one byte each for north and east, u16 altitude in metres, f32 km/h,
f32 DDMM.MMMM and DDDMM.MMMM without sign, u32 seconds of the camera's local clock, which give no UTC. Which
hemisphere 0 and 1 mean was seen of one camera only (north-west).
"""

from __future__ import annotations

import struct

from dashtools.backends.receiver import degrees, fix_at
from dashtools.backends.timed_samples import Sample
from dashtools.model import Fix
from dashtools.ports import ClipFacts

SAMPLE_BYTES = 72
TAIL = struct.Struct("<2BH3fI")
TAIL_AT = 0x34


def fixes_of(sample: Sample, facts: ClipFacts) -> list[Fix]:
    """The slot of one sample; none of one in another size, or of the zeros that end a clip."""
    if len(sample.text) != SAMPLE_BYTES or not sample.text[TAIL_AT:].strip(b"\0"):
        return []
    is_north, is_east, altitude, kmh, latitude, longitude, _ = TAIL.unpack_from(sample.text, TAIL_AT)
    return [
        fix_at(
            degrees(latitude, is_negative=not is_north),
            degrees(longitude, is_negative=not is_east),
            t_ms=round(sample.t_ms),
            speed_mps=kmh / 3.6,
            altitude_m=float(altitude),
        )
    ]
