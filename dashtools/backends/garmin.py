"""Decodes Garmin's two recordings: `PNDM` samples in a text track, and a `uuid` box of records a second.

Layouts: research of ExifTool's QuickTimeStream.pl; all big-endian, angles in units of 180/2^31 degrees, speed in miles
an hour. Samples have no clock; the box counts seconds from 1904.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dashtools.backends.boxes import first, walk
from dashtools.backends.receiver import fix_at
from dashtools.backends.timed_samples import Sample
from dashtools.model import Fix, Track
from dashtools.ports import ClipFacts
from dashtools.times import from_seconds, to_text

MARK = b"PNDM"
USER_TYPE = bytes.fromhex("9b630f8d637440ec8204bc5ff5091728")
RECORDS_AT = 33  # from the user type on
RECORD = struct.Struct(">IH6x2i")
EPOCH_S = -2_082_844_800  # 1904-01-01 in POSIX time
MPH_MPS = 0.44704
UNIT_DEGREES = 180 / 2**31
NOTHING = -(2**31)
MAX_BYTES = RECORD.size * 100_000
NO_FIX = "the receiver never had a fix"


def fixes_of(sample: Sample) -> list[Fix] | None:
    """The slot of a text sample that is Garmin's; None for any other. Its length may stand ahead in two or four bytes.

    `PNDM`, u32, u16 speed, u16, i32 latitude and longitude.
    """
    at = sample.text.find(MARK, 0, 8)
    if at < 0 or len(sample.text) < at + 20:
        return None
    speed, latitude, longitude = struct.unpack_from(">H2x2i", sample.text, at + 8)
    return [_fix(latitude, longitude, speed, round(sample.t_ms), None)]


class GarminBoxGps:
    """Every record of Garmin's `uuid` box (DriveAssist 51); see ports.GpsReader."""

    name = "garmin"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when the clip has no such box."""
        with path.open("rb") as stream:
            size_bytes = stream.seek(0, 2)
            boxes = walk(stream, 0, size_bytes)[0]
            moov = first(boxes, b"moov")
            if moov is not None:
                boxes += walk(stream, moov.body, moov.payload_end(size_bytes))[0]
            for box in boxes:
                if box.type != b"uuid":
                    continue
                stream.seek(box.body)
                text = stream.read(max(0, min(box.payload_end(size_bytes) - box.body, MAX_BYTES)))
                if text.startswith(USER_TYPE):
                    slots = tuple(_slots(text, box.body))
                    is_void = not any(slot.is_valid for slot in slots)
                    note = f"{NO_FIX}: all {len(slots)} slots are void" if is_void else None
                    return Track(self.name, slots, note=note) if slots else None
        return None


def _slots(text: bytes, start: int) -> Iterator[Fix]:
    """The records with their times from the first one's stamp on, which is the clip's start."""
    first_s, last_ms = None, 0
    for at in range(RECORDS_AT, len(text) - RECORD.size + 1, RECORD.size):
        seconds, speed, latitude, longitude = RECORD.unpack_from(text, at)
        first_s = seconds if first_s is None else first_s
        last_ms = max(last_ms, 1000 * (seconds - first_s))
        stamp = to_text(from_seconds(seconds + EPOCH_S))
        yield replace(_fix(latitude, longitude, speed, last_ms, stamp), offset=start + at)


def _fix(latitude: int, longitude: int, speed_mph: int, t_ms: int, stamp: str | None) -> Fix:
    if NOTHING in (latitude, longitude):
        return Fix(t_ms, False, utc=stamp)
    place = latitude * UNIT_DEGREES, longitude * UNIT_DEGREES
    return fix_at(*place, t_ms=t_ms, speed_mps=speed_mph * MPH_MPS, stamp=stamp)
