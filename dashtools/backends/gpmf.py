"""Decodes the GPS streams of GoPro's metadata format (GPMF): GPS5, GPS9, and the Karma grip's GLPI.

Layout: GoPro's gpmf-parser documentation. A key of four letters, a type letter, a structure size and a count, then
big-endian values padded to four bytes; nested keys have type 0. Written here because no maintained library has
wheels for every supported Python.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from dashtools.backends.timed_samples import Sample
from dashtools.geodesy import is_plausible
from dashtools.model import Fix
from dashtools.ports import ClipFacts
from dashtools.times import to_text

FORMATS = {"b": "b", "B": "B", "s": "h", "S": "H", "l": "i", "L": "I", "f": "f", "d": "d", "j": "q", "J": "Q"}
MAX_DEPTH = 4
MAX_SPEED_MPS = 150.0
GPS9_EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)
NO_LOCK = (0, 1)  # GPSF: 0 no lock, 2 and 3 a lock in two or three dimensions
Values = list[list[float]]


def fixes_of(sample: Sample, facts: ClipFacts) -> list[Fix]:
    """The fixes of one payload, spread evenly over its duration; void ones where the receiver had no lock."""
    for stream in _streams(sample.text):
        for key, decode in (("GPS9", _gps9), ("GPS5", _gps5), ("GLPI", _glpi)):
            if key in stream:
                found = decode(_scaled(stream, key), stream)
                step_ms = sample.duration_ms / max(1, len(found))
                return [_timed(fix, sample.t_ms + k * step_ms) for k, fix in enumerate(found)]
    return []


def _timed(fix: Fix, t_ms: float) -> Fix:
    return Fix(**{**fix.to_json(), "t_ms": round(t_ms)})


def _streams(text: bytes, depth: int = 0) -> Iterator[dict[str, tuple[bytes, int, int, bytes]]]:
    """The keys of each STRM: type, structure size, count, value bytes."""
    for key, kind, _, _, body in _items(text):
        if key in ("DEVC", "STRM") and kind == b"\0" and depth < MAX_DEPTH:
            if key == "DEVC":
                yield from _streams(body, depth + 1)
            else:
                yield {name: (k, s, c, b) for name, k, s, c, b in _items(body)}


def _items(text: bytes) -> Iterator[tuple[str, bytes, int, int, bytes]]:
    at = 0
    while at + 8 <= len(text):
        key, kind, size, count = struct.unpack_from(">4scBH", text, at)
        length = size * count
        yield key.decode("latin-1"), kind, size, count, text[at + 8 : at + 8 + length]
        at += 8 + (length + 3) // 4 * 4


def _scaled(stream: dict[str, Any], key: str) -> Values:
    """The rows of a key, each value divided by its scale."""
    kind, size, _, body = stream[key]
    if kind == b"?":
        letters = stream["TYPE"][3].decode("latin-1") if "TYPE" in stream else ""
    else:
        letters = kind.decode("latin-1") * (size // max(1, _width(kind.decode("latin-1"))))
    if not letters or any(letter not in FORMATS for letter in letters):
        return []
    layout = struct.Struct(">" + "".join(FORMATS[letter] for letter in letters))
    rows = [list(layout.unpack_from(body, at)) for at in range(0, len(body) - layout.size + 1, max(1, size))]
    scales = _numbers(stream["SCAL"]) if "SCAL" in stream else [1.0]
    return [[value / (scales[k] if k < len(scales) else scales[-1]) for k, value in enumerate(row)] for row in rows]


def _width(letter: str) -> int:
    return struct.calcsize(FORMATS[letter]) if letter in FORMATS else 1


def _numbers(item: tuple[bytes, int, int, bytes]) -> list[float]:
    letter, body = FORMATS.get(item[0].decode("latin-1")), item[3]
    width = struct.calcsize(letter) if letter else 0
    if letter is None or len(body) < width:
        return [1.0]
    values = struct.unpack(f">{len(body) // width}{letter}", body[: len(body) // width * width])
    return [float(value) or 1.0 for value in values]


def _gps5(rows: Values, stream: dict[str, Any]) -> list[Fix]:
    """Latitude, longitude, altitude, 2D and 3D speed; the time of the first and the lock are the payload's."""
    lock = _numbers(stream["GPSF"])[0] if "GPSF" in stream else 3
    has_lock = not ("GPSF" in stream and stream["GPSF"][3].strip(b"\0") == b"") and lock not in NO_LOCK
    first = _stamp(stream["GPSU"][3]) if "GPSU" in stream else None
    return [
        _fix(row[0], row[1], row[2], row[3], None, first if k == 0 else None, has_lock)
        for k, row in enumerate(rows)
        if len(row) >= 4
    ]


def _gps9(rows: Values, stream: dict[str, Any]) -> list[Fix]:
    """As GPS5, with days since 2000, seconds, precision and lock in every row (HERO11 and later)."""
    return [
        _fix(row[0], row[1], row[2], row[3], None, _since_2000(row[5], row[6]), int(row[8]) not in NO_LOCK)
        for row in rows
        if len(row) >= 9
    ]


def _glpi(rows: Values, stream: dict[str, Any]) -> list[Fix]:
    """The Karma's position: seconds, latitude, longitude, altitude, height, three speeds, heading."""
    return [
        _fix(row[1], row[2], row[3], math.hypot(row[5], row[6]), row[8], None, True) for row in rows if len(row) >= 9
    ]


def _fix(
    latitude: float, longitude: float, altitude: float, speed: float, course: float | None, utc: str | None, ok: bool
) -> Fix:
    if not ok or not is_plausible(latitude, longitude):
        return Fix(0, False, utc=utc)
    return Fix(
        0,
        True,
        latitude=latitude,
        longitude=longitude,
        altitude_m=altitude if abs(altitude) < 20_000 else None,
        speed_mps=speed if 0 <= speed <= MAX_SPEED_MPS else None,
        bearing_deg=course % 360.0 if course is not None and 0 <= course <= 360 else None,
        utc=utc,
    )


def _stamp(text: bytes) -> str | None:
    """UTC of yymmddhhmmss.sss."""
    try:
        when = datetime.strptime(text[:12].decode("ascii"), "%y%m%d%H%M%S").replace(tzinfo=timezone.utc)
        return to_text(when + timedelta(milliseconds=round(1000 * float(b"0" + text[12:16]))))
    except (ValueError, UnicodeDecodeError):
        return None


def _since_2000(days: float, seconds: float) -> str | None:
    if not (0 <= days < 36_525 and 0 <= seconds < 86_401):
        return None
    return to_text(GPS9_EPOCH + timedelta(days=int(days), milliseconds=round(1000 * seconds)))
