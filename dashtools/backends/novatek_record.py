"""Decodes the 44-byte GPS record of Novatek camera chips, the same in MP4 blocks and in MPEG-TS.

Layout (research of ExifTool's QuickTimeStream.pl and of real blocks; all little-endian): six u32 hour, minute,
second, year - 2000, month, day; 'A' or 'V', 'N' or 'S', 'E' or 'W', zero; four f32 latitude DDMM.MMMM,
longitude DDDMM.MMMM, speed in knots, course in degrees.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from dashtools.backends.freegps_layouts import decode_marked, decode_other, is_sealed
from dashtools.backends.receiver import KNOT_MPS, degrees, fix_at, moment
from dashtools.model import Fix
from dashtools.times import to_text

RECORD_BYTES = 44
MP4_PLACES = (0x10, 0x30, 0x40)  # A119v3, A129, A139; A119, A119S, A229; Kenwood A510W


@dataclass(frozen=True)
class Slot:
    """What one block says: `fix` carries time 0 until its place in the clip is known.

    `kind` is "record", "blank" (a block that the receiver never filled), "sealed" (its place is in a cipher that
    nobody knows) or "other" (some other layout).
    """

    kind: str
    fix: Fix
    is_local_time: bool = False
    layout: str = "novatek"


BLANK = Slot("blank", Fix(0, False))
OTHER = Slot("other", Fix(0, False))
SEALED = Slot("sealed", Fix(0, False))


def decode_block(block: bytes, places: tuple[int, ...] = MP4_PLACES) -> Slot:
    """The slot of one block, its record looked for at each place, then other cameras' layouts."""
    if is_sealed(block):
        return SEALED
    marked = decode_marked(block)
    if marked is not None:
        return Slot("record", marked[1], layout=marked[0])
    for place in places:
        slot = decode_record(block[place : place + RECORD_BYTES])
        if slot is not None:
            return slot
    states = {block[place + 24 : place + 25] for place in places}
    body = block[places[0] : places[-1] + RECORD_BYTES]
    if not body.strip(b"\0") or (b"V" in states and not any(block[p : p + 24].strip(b"\0") for p in places)):
        return BLANK
    other = decode_other(block)
    return OTHER if other is None else Slot("record", other[1], layout=other[0])


def decode_record(record: bytes) -> Slot | None:
    """The slot of 44 bytes, or None when they are no record."""
    if len(record) < RECORD_BYTES:
        return None
    hour, minute, second, year, month, day = struct.unpack_from("<6I", record)
    state, north_south, east_west, zero = (record[k : k + 1] for k in range(24, 28))
    if state not in (b"A", b"V", b" ") or zero != b"\0" or year > 2200:
        return None
    if state == b"A" and not (north_south in (b"N", b"S") and east_west in (b"E", b"W")):
        return None
    is_local = year >= 2000  # Kenwood writes the whole year, by the camera's own clock
    when = moment(year if is_local else 2000 + year, month, day, hour, minute, second)
    if when is None:
        return None
    stamp = None if is_local or state != b"A" and year == 0 else to_text(when)
    if state != b"A":
        return Slot("record", Fix(0, False, utc=stamp), is_local)
    latitude, longitude, knots, course = struct.unpack_from("<4f", record, 28)
    if latitude < 0 or longitude < 0:  # the letters are its signs
        return Slot("record", Fix(0, False, utc=stamp), is_local)
    fix = fix_at(
        degrees(latitude, is_negative=north_south == b"S"),
        degrees(longitude, is_negative=east_west == b"W"),
        speed_mps=knots * KNOT_MPS,
        bearing_deg=course,
        stamp=stamp,
    )
    return Slot("record", fix, is_local)
