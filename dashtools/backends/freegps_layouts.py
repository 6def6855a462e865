"""Decodes the binary layouts that other cameras than Novatek's own put into `freeGPS ` blocks.

Layouts: research of ExifTool's QuickTimeStream.pl (the hex dumps in it are the golden vectors of the tests), and of
real 70mai blocks. Offsets count from the block's size; numbers are little-endian.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from dashtools.backends import freegps_text
from dashtools.backends.receiver import KNOT_MPS, degrees, fix_at, utc
from dashtools.model import Fix

STATES = (b"A", b"V")
AKASO = re.compile(rb".{60}[AV]\0{3}.{4}([NS\0])\0{3}.{4}([EW\0])\0{3}", re.DOTALL)
DOUBLES = re.compile(rb".{60}[AV]\0.{10}([NS\0])\0.{14}([EW\0])\0", re.DOTALL)
BACK_TO_FRONT = b"x.xx"  # this firmware of Akaso's writes the course the wrong way round
SEALED = re.compile(rb".{64}[\x01-\x0c]\0{3}[\x01-\x1f]\0{3}A[NS][EW]\0{5}(?!\0{8})", re.DOTALL)


def mai(block: bytes) -> Fix | None:
    """70mai A810 and M500: 'A' at 0x1e, i32 latitude and longitude times 10^7; neither time nor known speed."""
    if len(block) < 0x36 or block[0x33:0x35] != b"VV" or block[0x1E:0x1F] not in STATES:
        return None
    if block[0x1E:0x1F] == b"V":
        return Fix(0, False)
    latitude, longitude = struct.unpack_from("<2i", block, 0x1F)
    return fix_at(latitude / 1e7, longitude / 1e7)


def iqs(block: bytes) -> Fix | None:
    """IQS: Novatek's clock and letters at 0x30, then i32 degrees times 10^7 and cm/s."""
    if block[0x10:0x13] != b"IQS" or len(block) < 0x58 or block[0x48:0x49] not in STATES or block[0x4B:0x4C] != b"\0":
        return None
    hour, minute, second, year, month, day = struct.unpack_from("<6I", block, 0x30)
    stamp = utc(2000 + year if year < 2000 else year, month, day, hour, minute, second)
    if block[0x48:0x49] == b"V":
        return Fix(0, False, utc=stamp)
    latitude, longitude, speed = struct.unpack_from("<3i", block, 0x4C)
    north, east = (-1 if block[0x49:0x4A] == b"S" else 1), (-1 if block[0x4A:0x4B] == b"W" else 1)
    return fix_at(north * abs(latitude) / 1e7, east * abs(longitude) / 1e7, speed_mps=speed / 100, stamp=stamp)


def akaso(block: bytes) -> Fix | None:
    """Akaso and Anticlock: clock at 0x30, letters and f32 from 0x3c on, km/h and course at 0x50, the date last."""
    match = AKASO.match(block)
    if match is None or len(block) < 0x64:
        return None
    hour, minute, second = struct.unpack_from("<3I", block, 0x30)
    latitude, longitude, kmh, course = (struct.unpack_from("<f", block, at)[0] for at in (0x40, 0x48, 0x50, 0x54))
    year, month, day = struct.unpack_from("<3I", block, 0x58)
    stamp = utc(2000 + year if year < 2000 else year, month, day, hour, minute, second)
    if stamp is None or block[0x3C:0x3D] == b"V":
        return None if stamp is None else Fix(0, False, utc=stamp)
    if block[0x10:0x14] == BACK_TO_FRONT and 0 <= course <= 360:
        course = (course + 180) % 360
    return _at(latitude, longitude, match[1] + match[2], kmh / 3.6, course, stamp)


def doubles(block: bytes) -> Fix | None:
    """Of a maker unknown (2013): clock at 0x30, then letters and doubles, knots, course, and the date."""
    match = DOUBLES.match(block)
    if match is None or len(block) < 0x7C:
        return None
    hour, minute, second = struct.unpack_from("<3I", block, 0x30)
    latitude, longitude, knots, course = (struct.unpack_from("<d", block, at)[0] for at in (0x40, 0x50, 0x60, 0x68))
    year, month, day = struct.unpack_from("<3I", block, 0x70)
    stamp = utc(2000 + year if year < 2000 else year, month, day, hour, minute, second)
    if stamp is None or block[0x3C:0x3D] == b"V":
        return None if stamp is None else Fix(0, False, utc=stamp)
    return _at(latitude, longitude, match[1] + match[2], knots * KNOT_MPS, course, stamp)


def vantrue_n4(block: bytes) -> Fix | None:
    """Vantrue N4: doubles DDMM.MMMM between letters 'A', 'N', 'E'."""
    if len(block) < 0x5C or block[0x1C:0x1D] not in STATES:
        return None
    if block[0x28:0x29] not in (b"N", b"S") or block[0x38:0x39] not in (b"E", b"W"):
        return None
    hour, minute, second = struct.unpack_from("<3I", block, 0x10)
    year, month, day = struct.unpack_from("<3I", block, 0x50)
    stamp = utc(year if year >= 2000 else 2000 + year, month, day, hour, minute, second)
    if block[0x1C:0x1D] == b"V":
        return Fix(0, False, utc=stamp)
    latitude, longitude, knots, course = (struct.unpack_from("<d", block, at)[0] for at in (0x20, 0x30, 0x40, 0x48))
    return _at(latitude, longitude, block[0x28:0x29] + block[0x38:0x39], knots * KNOT_MPS, course, stamp)


def vantrue_s1(block: bytes) -> Fix | None:
    """Vantrue S1: 'A', 'N', 'E' at 0x40, then the clock, f32 longitude ahead of latitude, knots, course, altitude."""
    if len(block) < 0x70 or block[0x40:0x41] not in STATES or block[0x43:0x44] != b"\0":
        return None
    if block[0x41:0x42] not in (b"N", b"S") or block[0x42:0x43] not in (b"E", b"W"):
        return None
    year, month, day, hour, minute, second = struct.unpack_from("<6I", block, 0x44)
    stamp = utc(year if year >= 2000 else 2000 + year, month, day, hour, minute, second)
    if stamp is None or block[0x40:0x41] == b"V":
        return None if stamp is None else Fix(0, False, utc=stamp)
    longitude, latitude, knots, course, altitude = struct.unpack_from("<5f", block, 0x5C)
    return _at(latitude, longitude, block[0x41:0x43], knots * KNOT_MPS, course, stamp, altitude)


def _at(
    latitude: float,
    longitude: float,
    letters: bytes,
    speed_mps: float,
    course: float,
    stamp: str,
    altitude: float | None = None,
) -> Fix:
    return fix_at(
        degrees(latitude, is_negative=letters[:1] == b"S"),
        degrees(longitude, is_negative=letters[1:] == b"W"),
        speed_mps=speed_mps,
        bearing_deg=course,
        altitude_m=altitude,
        stamp=stamp,
    )


# those whose mark could be taken for Novatek's record, and are asked ahead of it
MARKED: dict[str, Callable[[bytes], Fix | None]] = {"iqs": iqs, "e-ace": freegps_text.e_ace}
LAYOUTS: dict[str, Callable[[bytes], Fix | None]] = {
    "azdome": freegps_text.azdome,
    "70mai": mai,
    "nmea block": freegps_text.nmea_block,
    "xgody": freegps_text.xgody,
    "akaso": akaso,
    "doubles": doubles,
    "vantrue": vantrue_n4,
    "vantrue s1": vantrue_s1,
}


def decode_marked(block: bytes) -> tuple[str, Fix] | None:
    """Whose marked layout a block has, and its slot."""
    return _first(MARKED, block)


def decode_other(block: bytes) -> tuple[str, Fix] | None:
    """Whose layout a block has that is no Novatek record, and its slot; None when nobody's here."""
    return _first(LAYOUTS, block)


def is_sealed(block: bytes) -> bool:
    """Akaso V1 and Redtiger F7N: Novatek's clock and letters, then doubles in a cipher that nobody knows."""
    return SEALED.match(block) is not None


def _first(layouts: dict[str, Callable[[bytes], Fix | None]], block: bytes) -> tuple[str, Fix] | None:
    for name, decode in layouts.items():
        fix = decode(block)
        if fix is not None:
            return name.removesuffix(" s1"), fix
    return None
