"""Reads NMEA 0183 logs as cameras write them: one slot an RMC sentence, void ones kept.

A BlackVue puts the camera's clock in milliseconds before each sentence: `[1499552090960]$GPRMC,...`. A sentence
that does not parse keeps its slot as void, so that the seconds after it stay in place.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import pynmea2

from dashtools.backends.receiver import KNOT_MPS, degrees, fix_at
from dashtools.backends.timed_samples import Sample
from dashtools.model import Fix
from dashtools.ports import ClipFacts
from dashtools.times import from_text, to_text

SENTENCE = re.compile(rb"(?:\[(\d{10,14})\])?(\$[A-Z]{2}(RMC|GGA),[^\r\n\[\]$\0]{0,120})")
BARE_SENTENCE = re.compile(rb"(?:^|[;\r\n\0$])([A-Z]{2}RMC,[^\r\n;$\0]{0,120})")  # Thinkware leaves the $ out
CHECKSUM = re.compile(rb"\*[0-9A-Fa-f]{2}")
BROKEN_SUMS_MIN = 5
BROKEN_SUMS_SHARE = 0.8
UNSUMMED = "hardly a checksum of the log is right: they were passed over"
NAME_STAMP = re.compile(r"(?<!\d)(20\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[-_T. ]?(\d\d)[-_.]?(\d\d)[-_.]?(\d\d)(?!\d)")
MAX_SLOTS = 100_000
SECONDS_DIGITS = 10
NAME_LEAD_MS = 3000  # how long before its first slot a clip may have begun, and by how much a name may be late


@dataclass(frozen=True)
class NmeaSlot:
    """One RMC sentence: the camera's clock when it came, where the log has it, and its fix at time 0."""

    clock_ms: int | None
    fix: Fix


def read_log(text: bytes) -> tuple[list[NmeaSlot], str | None]:
    """The slots of a log, and a doubt about it.

    A log in which hardly one of several checksums is right was edited, not damaged: it is taken without them.
    """
    slots = parse(text)
    sums = [_sentence(match[2]) is not None for match in SENTENCE.finditer(text) if match[3] == b"RMC"]
    if len(sums) < BROKEN_SUMS_MIN or sum(sums) > (1 - BROKEN_SUMS_SHARE) * len(sums):
        return slots, None
    return parse(CHECKSUM.sub(b"", text)), UNSUMMED


def slots_of_sample(sample: Sample, facts: ClipFacts) -> list[Fix]:
    """The slot of a text sample that holds an RMC sentence, with or without its dollar sign."""
    match = BARE_SENTENCE.search(sample.text)
    if match is None:
        return []
    fix = _fix(_sentence(b"$" + match[1]))
    return [replace(fix, t_ms=round(sample.t_ms))]


def fix_of_text(text: bytes) -> Fix | None:
    """The fix at time 0 of the first RMC sentence in some bytes, void where it does not parse; None without one."""
    match = next((match for match in SENTENCE.finditer(text) if match[3] == b"RMC"), None)
    return None if match is None else _fix(_sentence(match[2]))


def parse(text: bytes) -> list[NmeaSlot]:
    """Every RMC sentence of a log, in file order; altitude from the GGA sentence of the same second."""
    slots: list[tuple[int | None, Fix, Any]] = []
    altitudes: dict[Any, float] = {}
    for match in SENTENCE.finditer(text):
        sentence = _sentence(match[2])
        if match[3] == b"RMC":
            slots.append((_clock_ms(match[1]), _fix(sentence), getattr(sentence, "timestamp", None)))
        elif sentence is not None and (altitude := _number(sentence.altitude)) is not None:
            altitudes[sentence.timestamp] = altitude
        if len(slots) >= MAX_SLOTS:
            break
    return [
        NmeaSlot(clock, replace(fix, altitude_m=altitudes.get(second)) if fix.is_valid else fix)
        for clock, fix, second in slots
    ]


def _clock_ms(digits: bytes | None) -> int | None:
    """The camera's clock ahead of a sentence; ten digits are whole seconds."""
    if digits is None:
        return None
    return int(digits) * (1000 if len(digits) == SECONDS_DIGITS else 1)


def _sentence(line: bytes) -> Any:
    """The parsed sentence, or None when its checksum or form is wrong."""
    try:
        return pynmea2.parse(line.decode("ascii", "replace").strip())
    except (pynmea2.ParseError, ValueError, AttributeError, TypeError):
        return None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _fix(sentence: Any) -> Fix:
    stamp = _utc(sentence)
    if sentence is None or sentence.status != "A" or not sentence.lat or not sentence.lon:
        return Fix(0, False, utc=stamp)
    latitude, longitude = _number(sentence.lat), _number(sentence.lon)
    is_signed = sentence.lat_dir in ("N", "S") and sentence.lon_dir in ("E", "W")
    if latitude is None or longitude is None or latitude < 0 or longitude < 0 or not is_signed:
        return Fix(0, False, utc=stamp)
    knots, course = _number(sentence.spd_over_grnd), _number(sentence.true_course)
    return fix_at(
        degrees(latitude, is_negative=sentence.lat_dir == "S"),
        degrees(longitude, is_negative=sentence.lon_dir == "W"),
        speed_mps=None if knots is None else knots * KNOT_MPS,
        bearing_deg=course,
        stamp=stamp,
    )


def _utc(sentence: Any) -> str | None:
    """What the receiver's clock said; None without a date."""
    try:
        return to_text(datetime.combine(sentence.datestamp, sentence.timestamp.replace(tzinfo=timezone.utc)))
    except (AttributeError, TypeError, ValueError):
        return None


def name_clock_ms(stem: str) -> int | None:
    """Milliseconds of the camera's own clock that a file name says, taken as if it were UTC.

    >>> name_clock_ms("20170708_221449_NF")
    1499552089000
    """
    match = NAME_STAMP.search(stem)
    if match is None:
        return None
    try:
        year, month, day, hour, minute, second = (int(part) for part in match.groups())
        return round(datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp() * 1000)
    except ValueError:
        return None


def timed(slots: Sequence[NmeaSlot], name_ms: int | None, duration_s: float) -> tuple[tuple[Fix, ...], str | None]:
    """The fixes with their video times, and a note where the clip's start had to be assumed.

    The first *slot*, not the first fix, is near the clip's start: the log is written from the beginning. With a
    camera clock in the log the name says when the clip began; without one, slots follow the receiver's clock.
    """
    if not slots:
        return (), None
    clocks = [slot.clock_ms for slot in slots]
    if clocks[0] is not None:
        start_ms, note = _clip_start(clocks[0], name_ms)
        times, last = [], 0
        for clock in clocks:
            last = max(last, clock - start_ms if clock is not None else last)
            times.append(last)
    else:
        times, note = _by_receiver(slots, duration_s), "the clip is taken to begin at the first slot"
    return tuple(replace(slot.fix, t_ms=t_ms) for slot, t_ms in zip(slots, times)), note


def _clip_start(first_ms: int, name_ms: int | None) -> tuple[int, str | None]:
    """Camera clock at the clip's start: the name's, when it is in the same zone and near the first slot."""
    if name_ms is not None:
        lead = first_ms - name_ms
        zone = round(lead / 900_000) * 900_000  # some models stamp UTC but name files by local time
        if abs(zone) <= 14 * 3_600_000 and -1000 <= lead - zone <= NAME_LEAD_MS:
            return min(name_ms + zone, first_ms), None
    return first_ms, "the clip is taken to begin at the first slot"


def _by_receiver(slots: Sequence[NmeaSlot], duration_s: float) -> list[int]:
    """Times by the receiver's clock from the first stamped slot, one second a slot where there is none."""
    step_ms = 1000.0
    if duration_s > 0 and not any(slot.fix.utc for slot in slots):
        step_ms = 1000 * duration_s / len(slots)
    origin: float | None = None
    times: list[int] = []
    runs = Counter(slot.fix.utc for slot in slots)
    seen: Counter[str | None] = Counter()
    for number, slot in enumerate(slots):
        at = times[-1] + step_ms if times else 0.0
        stamp = slot.fix.utc
        if stamp is not None:
            # a receiver of several fixes a second may stamp them all with the whole one
            stamp_ms = from_text(stamp).timestamp() * 1000 + 1000 * seen[stamp] / runs[stamp]
            seen[stamp] += 1
            origin = stamp_ms - number * step_ms if origin is None else origin
            at = stamp_ms - origin
        times.append(round(max(at, times[-1] if times else 0.0)))
    return times
