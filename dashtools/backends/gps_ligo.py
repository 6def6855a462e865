"""Reads LigoGPS logs: plain text records behind the clip, in a track, or in MPEG-TS private packets.

A record is a line such as `2026/08/03 11:37:31 N:48.100158 W:002.100158 65.0 km/h x:... A:234.0 H:165.0`. Its stamps
are the camera's local time, so they give no UTC. Some cameras replace each digit by another character; digits are
learned from how the seconds count, hemispheres from an explicit sign.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO

from dashtools.backends.boxes import walk
from dashtools.backends.mpegts import is_transport_stream, picture_times, private_payloads
from dashtools.geodesy import is_plausible
from dashtools.model import Fix, Track
from dashtools.ports import ClipFacts

MARK = b"LIGOGPSINFO"
LINE = re.compile(
    rb"(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d) ([NS]):(-?\d{1,2}\.\d+) ([EW]):(-?\d{1,3}\.\d+) +(\d+\.?\d*)( km/h)?"
    rb"(?:[^\r\n]{0,48}? A:(\d+\.?\d*))?(?: H:(-?\d+\.?\d*))?"
)
CIPHERED = re.compile(rb"####....([ -~]{40,100})", re.DOTALL)
MAX_LOG_BYTES = 32 << 20
MAX_SLOTS = 100_000
KNOT_MPS = 1852 / 3600
MAX_SPEED_MPS = 150.0
LOCAL_TIME = "the stamps are the camera's local time"
SECONDS_AT = 18
Stamped = tuple[datetime, Fix]


class LigoGps:
    """Every slot of a LigoGPS log; see ports.GpsReader."""

    name = "ligo"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when the clip holds no such log."""
        with path.open("rb") as stream:
            times = None
            if is_transport_stream(stream):
                slots, times = _ts_slots(stream)
            else:
                text = _log(stream, stream.seek(0, 2))
                slots = parse(text) if text else []
        if not slots:
            return None
        fixes = _timed(slots)
        if times is not None:
            fixes = tuple(replace(fix, t_ms=t_ms) for (_, fix), t_ms in zip(slots, times))
        if not any(fix.is_valid for _, fix in slots):
            return Track(self.name, fixes, note=f"the receiver never had a fix: all {len(slots)} slots are void")
        return Track(self.name, fixes, note=LOCAL_TIME)


def _ts_slots(stream: BinaryIO) -> tuple[list[Stamped], list[int] | None]:
    """The slots of a transport stream, each in a private packet of its own, and their times by the pictures."""
    slots: list[Stamped] = []
    offsets: list[int] = []
    pictures: list[tuple[int, int]] = []
    for offset, part in private_payloads(stream, pictures=pictures):
        found = parse(part) if LINE.search(part) else []
        slots += found
        offsets += [offset] * len(found)
    return slots, picture_times(offsets, pictures)


def parse(text: bytes) -> list[Stamped]:
    """(camera time, fix at time 0) of each record, in the log's order."""
    lines = [match.groups() for match in LINE.finditer(text)]
    if not lines:
        lines = [match.groups() for line in _deciphered(text) for match in LINE.finditer(line)]
    return [slot for groups in lines[:MAX_SLOTS] if (slot := _slot(groups)) is not None]


def _slot(groups: Sequence[bytes | None]) -> Stamped | None:
    numbers = [int(part or 0) for part in groups[:6]]
    try:
        when = datetime(*numbers, tzinfo=timezone.utc)  # type: ignore[arg-type,misc]
    except ValueError:
        return None
    latitude = _signed(groups[7], groups[6] == b"S")
    longitude = _signed(groups[9], groups[8] == b"W")
    if not is_plausible(latitude, longitude):
        return when, Fix(0, False)
    speed = float(groups[10] or 0) * (1 / 3.6 if groups[11] else KNOT_MPS)
    course = float(groups[12]) if groups[12] else None
    return when, Fix(
        0,
        True,
        latitude=latitude,
        longitude=longitude,
        speed_mps=speed if speed <= MAX_SPEED_MPS else None,
        bearing_deg=course % 360.0 if course is not None and course <= 360 else None,
        altitude_m=float(groups[13]) if groups[13] else None,
    )


def _signed(text: bytes | None, is_negative: bool) -> float:
    value = float(text or b"nan")
    return -abs(value) if is_negative or value < 0 else value


def _timed(slots: Sequence[Stamped]) -> tuple[Fix, ...]:
    """The first slot is the clip's start; the others follow by the camera's stamps, which may stand still or jump."""
    times: list[int] = []
    for number, (when, _) in enumerate(slots):
        step_ms = round(1000 * (when - slots[number - 1][0]).total_seconds()) if number else 0
        times.append((times[-1] if times else 0) + (step_ms if 0 <= step_ms <= 60_000 else 1000 if number else 0))
    return tuple(Fix(**{**fix.to_json(), "t_ms": t_ms}) for t_ms, (_, fix) in zip(times, slots))


def _log(stream: BinaryIO, size_bytes: int) -> bytes:
    """What lies behind the last box, or in a box that begins with the mark; empty when neither holds one."""
    boxes, stopped = walk(stream, 0, size_bytes)
    places = [(box.body, box.payload_end(size_bytes)) for box in boxes if box.type in (b"skip", b"free", b"udta")]
    if size_bytes - stopped >= 64:
        places.append((stopped, size_bytes))
    # small media boxes only: scanning all pictures for a mark is the freeGPS scan's business
    places += [(b.body, b.payload_end(size_bytes)) for b in boxes if b.type == b"mdat" and b.end - b.body < 1 << 16]
    for start, end in places:
        stream.seek(start)
        text = stream.read(min(end - start, MAX_LOG_BYTES))
        if MARK in text or (b"####" in text and LINE.search(text)):
            return text
    return b""


def _deciphered(text: bytes) -> list[bytes]:
    """The records with their digits put back; none when the seconds do not show which digit is which."""
    lines = [match[1] for match in CIPHERED.finditer(text) if len(match[1]) > SECONDS_AT + 20]
    digits = _digits(lines)
    if digits is None:
        return []
    table = bytes.maketrans(bytes(digits) + bytes([lines[0][13]]), b"0123456789:")
    found = [line.translate(table).rstrip(b"\0").split(b" ") for line in lines]
    found = [parts for parts in found if len(parts) >= 4 and len(parts[2]) >= 4 and len(parts[3]) >= 4]
    # which letter stands for which hemisphere is not known; a firmware that writes a minus writes it wherever due
    is_signed = any(parts[k][2:3] == b"-" for parts in found for k in (2, 3))
    for parts in found:
        for k, letters, nowhere in ((2, b"NS", b"N:00.0"), (3, b"EW", b"E:000.0")):
            is_negative = parts[k][2:3] == b"-"
            parts[k] = letters[is_negative : is_negative + 1] + parts[k][1:] if is_signed else nowhere
    return [b" ".join(parts) for parts in found]


def _digits(lines: Sequence[bytes]) -> list[int] | None:
    """The characters for 0 to 9, from the last digit of the seconds over at least ten seconds in a row."""
    for start in range(1, len(lines)):
        run = [line[SECONDS_AT] for line in lines[start : start + 10]]
        # the tens of the seconds change where the last digit comes back to 0
        if lines[start][SECONDS_AT - 1] != lines[start - 1][SECONDS_AT - 1]:
            before = [line[SECONDS_AT] for line in lines[max(0, start - 10) : start]]
            if len(before) == 10 and len(set(before)) == 10:
                return before
            if len(run) == 10 and len(set(run)) == 10:
                return run
    return None
