"""Reads GPS that some cameras put into a box of their own: `gps0` records, and a container's single place."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from dashtools.backends.boxes import Box, walk
from dashtools.backends.receiver import degrees, fix_at, utc
from dashtools.geodesy import is_plausible
from dashtools.model import Fix, Track
from dashtools.ports import ClipFacts
from dashtools.times import from_text

GPS0 = struct.Struct("<2diH6BB3x")
MAX_BYTES = 32 * 100_000
MAX_GAP_MS = 600_000
ISO_6709 = re.compile(rb"([+-]\d{1,2}\.\d+)([+-]\d{1,3}\.\d+)([+-]\d+(?:\.\d+)?)?")
ONE_PLACE = "no track: only the place where the recording began is in the file"


class Gps0Gps:
    """Every slot of a `gps0` box (Lamax, Navitel, iBOX): 32 bytes a second; see ports.GpsReader."""

    name = "gps0"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when the clip has no such box."""
        with path.open("rb") as stream:
            size_bytes = stream.seek(0, 2)
            for box in _boxes(stream, size_bytes):
                if box.type == b"gps0":
                    stream.seek(box.body)
                    text = stream.read(max(0, min(box.payload_end(size_bytes) - box.body, MAX_BYTES)))
                    slots = tuple(_gps0_slots(text, box.body))
                    if slots:
                        return Track(self.name, slots, note=None if any(s.is_valid for s in slots) else "all are void")
        return None


def _boxes(stream: BinaryIO, size_bytes: int) -> Iterator[Box]:
    for box in walk(stream, 0, size_bytes)[0]:
        yield box
        if box.type in (b"moov", b"udta", b"skip"):
            yield from walk(stream, box.body, box.payload_end(size_bytes))[0]


def _gps0_slots(text: bytes, start: int) -> Iterator[Fix]:
    """The records in order, without those that a camera's ring buffer repeats from an earlier second."""
    latest, first_s, last_ms = "", None, -1000
    for at in range(0, len(text) - GPS0.size + 1, GPS0.size):
        lat, lon, altitude, kmh, year, month, day, hour, minute, second, half_course = GPS0.unpack_from(text, at)
        stamp = utc(2000 + year, month, day, hour, minute, second)
        if stamp is not None and stamp < latest:
            continue
        latest = stamp or latest
        seconds = from_text(stamp).timestamp() if stamp else None
        first_s = seconds if first_s is None else first_s
        t_ms = last_ms + 1000 if seconds is None or first_s is None else round(1000 * (seconds - first_s))
        last_ms = t_ms if 0 <= t_ms - last_ms <= MAX_GAP_MS else last_ms + 1000
        fix = fix_at(
            degrees(lat) if stamp else math.nan,
            degrees(lon),
            t_ms=last_ms,
            speed_mps=kmh / 3.6,
            bearing_deg=2.0 * half_course,
            altitude_m=float(altitude),
            stamp=stamp,
        )
        yield replace(fix, offset=start + at)


class LocationGps:
    """The one place that a container names in its user data (`(c)xyz`, ISO 6709; `loci`); see ports.GpsReader."""

    name = "location"
    is_fallback = True

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """A track of one fix at the clip's start, or None."""
        with path.open("rb") as stream:
            size_bytes = stream.seek(0, 2)
            for moov in (box for box in walk(stream, 0, size_bytes)[0] if box.type == b"moov"):
                for udta in walk(stream, moov.body, moov.payload_end(size_bytes))[0]:
                    if udta.type != b"udta":
                        continue
                    for box in walk(stream, udta.body, udta.payload_end(size_bytes))[0]:
                        place = _place(stream, box, size_bytes)
                        if place is not None and is_plausible(*place):
                            fix = Fix(0, True, latitude=place[0], longitude=place[1], offset=box.start)
                            return Track(self.name, (fix,), note=ONE_PLACE)
        return None


def _place(stream: BinaryIO, box: Box, size_bytes: int) -> tuple[float, float] | None:
    if box.type not in (b"\xa9xyz", b"loci"):
        return None
    stream.seek(box.body)
    text = stream.read(max(0, min(box.payload_end(size_bytes) - box.body, 512)))
    if box.type == b"\xa9xyz":
        match = ISO_6709.search(text)
        return (float(match[1]), float(match[2])) if match else None
    name_end = text.find(b"\0", 6)  # 3GPP TS 26.244: version, language, name, role, longitude, latitude as 16.16
    if name_end < 0 or len(text) < name_end + 10:
        return None
    longitude, latitude = struct.unpack_from(">2i", text, name_end + 2)
    return latitude / 65536, longitude / 65536
