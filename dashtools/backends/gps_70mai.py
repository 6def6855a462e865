"""Reads 70mai's GPS: the `GPS ` box of older models, and the `GPSData` logs in text that newer ones keep beside."""

from __future__ import annotations

import csv
import re
import struct
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from dashtools.backends.boxes import walk
from dashtools.backends.clip_clock import ASSUMED_MS, video_times
from dashtools.geodesy import is_plausible
from dashtools.model import Fix, Track
from dashtools.ports import ClipFacts
from dashtools.times import from_seconds, to_text

RECORD = struct.Struct("<4IcIcI10x")
MAX_BOX_BYTES = 36 * 100_000
MAX_SLOT_S = 24 * 3600
MAX_SPEED_MPS = 150.0
MAX_LOG_BYTES = 64 << 20
LOG_NAME = re.compile(r"GPSData\d*\.txt\Z", re.IGNORECASE)
FOLDERS_UP = 3  # DCIM/Normal/Front holds clips, the card's root the logs
STAMP_LAG = timedelta(hours=8)  # the firmware takes UTC for China's time and subtracts 8 hours
CHANNEL = re.compile(r"(?<=\d)[FBRI]\Z", re.IGNORECASE)


class MaiBoxGps:
    """Every slot of the `GPS ` box; see ports.GpsReader. Slots have seconds of the clip and no clock."""

    name = "70mai"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when the clip has no such box; `note` says how many slots could not be true."""
        with path.open("rb") as stream:
            size_bytes = stream.seek(0, 2)
            for box in walk(stream, 0, size_bytes)[0]:
                if box.type != b"GPS ":
                    continue
                stream.seek(box.body)
                text = stream.read(max(0, min(box.payload_end(size_bytes) - box.body, MAX_BOX_BYTES)))
                slots = list(_box_slots(text, box.body))
                if slots:
                    return _judged(slots, is_cut=box.is_cut)
        return None


def _judged(slots: list[tuple[bool, Fix]], *, is_cut: bool) -> Track:
    claimed = sum(has_fix for has_fix, _ in slots)
    valid = sum(fix.is_valid for _, fix in slots)
    note = None
    if valid < claimed:
        note = f"{claimed - valid} of {claimed} positions are out of range"
    elif not valid:
        note = f"the receiver never had a fix: all {len(slots)} slots are void"
    fixes = tuple(fix for _, fix in slots)
    # a box damaged through and through, or in a damaged file: what looks possible in it is chance
    if valid * 2 < claimed or (is_cut and valid < claimed):
        fixes = tuple(Fix(fix.t_ms, False, offset=fix.offset) for fix in fixes)
        note = f"{note}: the box is damaged, none of it is used"
    return Track("70mai", fixes, note=note)


def _box_slots(text: bytes, start: int) -> Iterator[tuple[bool, Fix]]:
    """(claims a fix, slot) of each record up to the first that is empty or none."""
    last_s = -1
    for at in range(0, len(text) - RECORD.size + 1, RECORD.size):
        mark, has_fix, second, speed, south, latitude, west, longitude = RECORD.unpack_from(text, at)
        if mark == 0 and has_fix == 0 and at:
            return
        if second <= last_s or second > MAX_SLOT_S:
            second = last_s + 1
        last_s = second
        void = Fix(1000 * second, False, offset=start + at)
        if has_fix != 1 or south not in (b"N", b"S") or west not in (b"E", b"W"):
            yield has_fix != 0, void
            continue
        lat, lon = _degrees(latitude, south == b"S"), _degrees(longitude, west == b"W")
        mps = speed / 3600
        if not is_plausible(lat, lon) or mps > MAX_SPEED_MPS:
            yield True, void
            continue
        yield True, Fix(void.t_ms, True, latitude=lat, longitude=lon, speed_mps=mps, offset=void.offset)


def _degrees(value: int, is_negative: bool) -> float:
    """Degrees of DDMM.mmm times 1000; NaN where the minutes are none."""
    whole, rest = divmod(value, 100_000)
    if rest >= 60_000:
        return float("nan")
    return (-1 if is_negative else 1) * (whole + rest / 60_000)


class MaiLogGps:
    """The slots of a clip in a `GPSData` log: 13 columns, one log for many clips; see ports.GpsReader."""

    name = "70mai text"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when no log beside or above the clip names it (or its front twin)."""
        if LOG_NAME.match(path.name) or path.suffix.lower() == ".txt":
            return log_track(_rows(path), path.stem, facts.duration_s)
        wanted = {path.stem.upper(), CHANNEL.sub("F", path.stem).upper(), CHANNEL.sub("", path.stem).upper()}
        for log in _logs(path):
            track = log_track((row for row in _rows(log) if _stem(row) in wanted), path.stem, facts.duration_s)
            if track is not None:
                return track
        return None


def _logs(path: Path) -> Iterator[Path]:
    own = path.with_suffix(".txt")
    if own.is_file():
        yield own
    for folder in list(path.resolve().parents)[:FOLDERS_UP]:
        yield from sorted(entry for entry in folder.glob("GPSData*.txt") if LOG_NAME.match(entry.name))


def _rows(log: Path) -> Iterator[list[str]]:
    """The rows of a log; none when it is not one."""
    with log.open("rb") as stream:
        if stream.read(4) != b"$V02":
            return
        text = stream.read(MAX_LOG_BYTES).decode("ascii", "replace")
    yield from (row for row in csv.reader(text.splitlines()) if len(row) >= 10)


def _stem(row: list[str]) -> str:
    return Path(row[9].strip()).stem.upper()


def log_track(rows: Iterable[list[str]], stem: str, duration_s: float) -> Track | None:
    """The track of some rows; a second that comes twice keeps its last row."""
    slots: dict[int, Fix] = {}
    names: set[str] = set()
    for row in rows:
        slot = _log_slot(row)
        if slot is not None:
            slots[slot[0]] = slot[1]
            names.add(_stem(row))
    if not slots:
        return None
    stamps = sorted(slots)
    times, note = video_times([1000 * stamp for stamp in stamps], names.pop() if len(names) == 1 else stem, duration_s)
    fixes = tuple(Fix(**{**slots[stamp].to_json(), "t_ms": t_ms}) for stamp, t_ms in zip(stamps, times))
    assumed_ms = ASSUMED_MS if note else None
    if not any(fix.is_valid for fix in fixes):
        note = f"the receiver never had a fix: all {len(fixes)} slots are void"
    return Track("70mai text", fixes, note=note, uncertainty_ms=assumed_ms)


def _log_slot(row: list[str]) -> tuple[int, Fix] | None:
    """(corrected POSIX time, slot) of a row; None for a row without a time."""
    try:
        stamp = int(row[0]) + round(STAMP_LAG.total_seconds())
        utc = to_text(from_seconds(stamp))
    except (ValueError, OverflowError, OSError):
        return None
    try:
        latitude, longitude, bearing, speed = (float(cell) for cell in row[2:6])
    except ValueError:
        return stamp, Fix(0, False, utc=utc)
    if row[1] != "A" or not is_plausible(latitude, longitude):
        return stamp, Fix(0, False, utc=utc)
    mps, course = speed / 100, bearing / 100
    return stamp, Fix(
        0,
        True,
        latitude=latitude,
        longitude=longitude,
        speed_mps=mps if 0 <= mps <= MAX_SPEED_MPS else None,
        bearing_deg=course % 360.0 if 0 <= course <= 360 else None,
        utc=utc,
    )
