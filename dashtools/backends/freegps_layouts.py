"""Decodes what other cameras than Novatek's own put into `freeGPS ` blocks: Azdome, 70mai, Vantrue.

Layouts: research of ExifTool's QuickTimeStream.pl, and of real 70mai blocks (int32 degrees times 10^7; no time).
Offsets count from the block's size.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from datetime import datetime, timezone

from dashtools.geodesy import is_plausible
from dashtools.model import Fix
from dashtools.times import to_text

KNOT_MPS = 1852 / 3600
MAX_SPEED_MPS = 150.0
AZDOME = re.compile(rb"(\d{14}).(.{15})([NS])(\d{8})([EW])(\d{9})(\d{8})?", re.DOTALL)
AZDOME_CLOCK = re.compile(rb"\d{14}", re.DOTALL)
XOR = bytes(byte ^ 0xAA for byte in range(256))


def azdome(block: bytes) -> Fix | None:
    """Text enciphered with 0xAA from 0x12: clock, label, N DDMMmmmm, E DDDMMmmmm, km/h."""
    text = block[0x12:0x80].translate(XOR)[8:]
    clock = AZDOME_CLOCK.match(text)
    if clock is None:
        return None
    utc = _utc(*(int(clock[0][a:b]) for a, b in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))))
    match = AZDOME.match(text)
    if match is None:
        return None if utc is None else Fix(0, False, utc=utc)
    latitude = _ddmm(int(match[4]) / 1e4, match[3] == b"S")
    longitude = _ddmm(int(match[6]) / 1e4, match[5] == b"W")
    return _fix(latitude, longitude, int(match[7]) / 3.6 if match[7] else None, None, utc)


def mai(block: bytes) -> Fix | None:
    """70mai A810 and M500: 'A' at 0x1e, i32 latitude and longitude times 10^7; neither time nor known speed."""
    if len(block) < 0x36 or block[0x33:0x35] != b"VV" or block[0x1E:0x1F] not in (b"A", b"V"):
        return None
    if block[0x1E:0x1F] == b"V":
        return Fix(0, False)
    latitude, longitude = struct.unpack_from("<2i", block, 0x1F)
    return _fix(latitude / 1e7, longitude / 1e7, None, None, None)


def vantrue_n4(block: bytes) -> Fix | None:
    """Vantrue N4: doubles DDMM.MMMM between letters 'A', 'N', 'E'."""
    if len(block) < 0x5C or block[0x1C:0x1D] not in (b"A", b"V"):
        return None
    if block[0x28:0x29] not in (b"N", b"S") or block[0x38:0x39] not in (b"E", b"W"):
        return None
    hour, minute, second = struct.unpack_from("<3I", block, 0x10)
    year, month, day = struct.unpack_from("<3I", block, 0x50)
    utc = _utc(year if year >= 2000 else 2000 + year, month, day, hour, minute, second)
    if block[0x1C:0x1D] == b"V":
        return Fix(0, False, utc=utc)
    values = [struct.unpack_from("<d", block, at)[0] for at in (0x20, 0x30, 0x40, 0x48)]
    latitude, longitude = _ddmm(values[0], block[0x28:0x29] == b"S"), _ddmm(values[1], block[0x38:0x39] == b"W")
    return _fix(latitude, longitude, values[2] * KNOT_MPS, values[3], utc)


def vantrue_s1(block: bytes) -> Fix | None:
    """Vantrue S1: 'A', 'N', 'E' at 0x40, then the clock, f32 longitude ahead of latitude, knots, course, altitude."""
    if len(block) < 0x70 or block[0x40:0x41] not in (b"A", b"V") or block[0x43:0x44] != b"\0":
        return None
    if block[0x41:0x42] not in (b"N", b"S") or block[0x42:0x43] not in (b"E", b"W"):
        return None
    year, month, day, hour, minute, second = struct.unpack_from("<6I", block, 0x44)
    utc = _utc(year if year >= 2000 else 2000 + year, month, day, hour, minute, second)
    if utc is None or block[0x40:0x41] == b"V":
        return None if utc is None else Fix(0, False, utc=utc)
    longitude, latitude, knots, course, altitude = struct.unpack_from("<5f", block, 0x5C)
    south, west = block[0x41:0x42] == b"S", block[0x42:0x43] == b"W"
    return _fix(_ddmm(latitude, south), _ddmm(longitude, west), knots * KNOT_MPS, course, utc, altitude)


LAYOUTS: dict[str, Callable[[bytes], Fix | None]] = {
    "azdome": azdome,
    "70mai": mai,
    "vantrue": vantrue_n4,
    "vantrue s1": vantrue_s1,
}


def decode_other(block: bytes) -> tuple[str, Fix] | None:
    """Whose layout a block has, and its slot; None when nobody's here."""
    for name, decode in LAYOUTS.items():
        fix = decode(block)
        if fix is not None:
            return name.split()[0], fix
    return None


def _ddmm(value: float, is_negative: bool) -> float:
    if not (math.isfinite(value) and 0 <= value < 1e6):
        return math.nan
    whole = int(value / 100)
    angle = whole + (value - 100 * whole) / 60
    return -angle if is_negative else angle


def _utc(year: int, month: int, day: int, hour: int, minute: int, second: int) -> str | None:
    try:
        when = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None
    return to_text(when) if 2005 <= year <= 2100 else None


def _fix(
    latitude: float,
    longitude: float,
    speed: float | None,
    course: float | None,
    utc: str | None,
    altitude: float | None = None,
) -> Fix:
    if not is_plausible(latitude, longitude):
        return Fix(0, False, utc=utc)
    return Fix(
        0,
        True,
        latitude=latitude,
        longitude=longitude,
        speed_mps=speed if speed is not None and 0 <= speed <= MAX_SPEED_MPS else None,
        bearing_deg=course % 360.0 if course is not None and 0 <= course <= 360 else None,
        altitude_m=altitude if altitude is not None and abs(altitude) < 20_000 else None,
        utc=utc,
    )
