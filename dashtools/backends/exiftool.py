"""Asks ExifTool for a clip's track: the broad fallback for cameras that no reader here knows.

Optional: on a host without it the reader says None. It is a fallback because it drops void slots and
renumbers the rest; the time of a fix then has to come from its stamp.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

from dashtools.backends.clip_clock import ASSUMED_MS, video_times
from dashtools.backends.exiftool_process import ask
from dashtools.geodesy import is_plausible
from dashtools.model import Fix, Track
from dashtools.ports import ClipFacts
from dashtools.times import to_text

TIMEOUT_S = 60.0
MAX_SPEED_MPS = 150.0
TAGS = ("-GPS*", "-SampleTime", "-SampleDuration", "-HandlerDescription")
KEY = re.compile(r"(Doc[\d-]+):(Copy\d+:)?(\w+)\Z")
STAMP = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d(?:\.\d+)?)")
Tags = dict[str, Any]


class ExiftoolGps:
    """The fixes that ExifTool finds in a clip; see ports.GpsReader. Void slots are not among them."""

    name = "exiftool"
    is_fallback = True

    def __init__(self, program: str = "exiftool", *, timeout_s: float = TIMEOUT_S) -> None:
        self.program = program
        self.timeout_s = timeout_s

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None without ExifTool, without any GPS sample, or when ExifTool gives up."""
        program = shutil.which(self.program)
        if program is None:
            return None
        answer = _ask(program, path, self.timeout_s)
        samples = list(_samples(answer))
        if not samples:
            return None
        version = _version(program)
        is_gopro = str(answer.get("Main:HandlerDescription", "")).startswith("GoPro")
        in_mps = is_gopro and _major(version) < 13  # until 12.x GoPro speeds come as stored; since 13 in km/h
        times, note = _times(samples, path, facts)
        fixes = [
            fix for tags, t_ms in zip(samples, times) if (fix := _fix(tags, t_ms, 1.0 if in_mps else 3.6)) is not None
        ]
        if not fixes:
            return None
        return Track(
            self.name,
            tuple(sorted(fixes, key=lambda fix: fix.t_ms)),
            version=version,
            note=note,
            uncertainty_ms=ASSUMED_MS if note else None,
        )


def _ask(program: str, path: Path, timeout_s: float) -> Tags:
    """ExifTool's tags of one file; empty when it fails or takes too long."""
    arguments = ["-ee3", "-n", "-j", "-a", "-q", "-G3:4", *TAGS, str(path.resolve())]
    try:
        answer = json.loads(ask(program, arguments, timeout_s) or b"[]")
    except ValueError:
        return {}
    return answer[0] if isinstance(answer, list) and answer and isinstance(answer[0], dict) else {}


@lru_cache(maxsize=4)
def _version(program: str) -> str:
    try:
        done = subprocess.run([program, "-ver"], capture_output=True, timeout=20, check=False, text=True)
    except (subprocess.TimeoutExpired, OSError):
        return "unknown"
    return done.stdout.strip() or "unknown"


def _major(version: str) -> int:
    head = version.split(".")[0]
    return int(head) if head.isdigit() else 0


def _samples(answer: Mapping[str, Any]) -> Iterator[Tags]:
    """The tags of each GPS sample, documents in order: one a document, or several where its tags repeat.

    ExifTool numbers copies of a tag through the whole file, so within a document only their order says which
    belong together: lists as long as the latitudes' go with them one by one, single values with all.
    """
    documents: dict[tuple[int, ...], dict[str, list[Any]]] = {}
    for key, value in answer.items():
        match = KEY.match(key)
        if match is not None:
            number = tuple(int(part) for part in match[1][3:].split("-") if part)
            documents.setdefault(number, {}).setdefault(match[3], []).append(value)
    for _, tags in sorted(documents.items()):
        count = len(tags.get("GPSLatitude", ()))
        if count == 0 or len(tags.get("GPSLongitude", ())) != count:
            continue
        for k in range(count):
            own = {name: values[k] for name, values in tags.items() if len(values) == count}
            shared = {name: values[0] for name, values in tags.items() if len(values) == 1}
            yield {**shared, **own, "copy": k, "copies": count}


def _number(tags: Tags, name: str) -> float | None:
    try:
        number = float(tags[name])
    except (KeyError, TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _stamp(tags: Tags) -> datetime | None:
    match = STAMP.match(str(tags.get("GPSDateTime", "")))
    if match is None:
        return None
    try:
        day = datetime(*(int(match[k]) for k in range(1, 6)), tzinfo=timezone.utc)  # type: ignore[arg-type,misc]
        when = day + timedelta(seconds=float(match[6]))
    except (ValueError, OverflowError):
        return None
    return when if 2005 <= when.year <= 2100 else None


def _times(samples: list[Tags], path: Path, facts: ClipFacts) -> tuple[list[int], str | None]:
    """Video times: of the sample's own, else by stamp from the clip's start, else one sample a second."""
    if all(_number(tags, "SampleTime") is not None for tags in samples):
        return [_sample_ms(tags) for tags in samples], None
    stamps = [_stamp(tags) for tags in samples]
    if any(stamp is None for stamp in stamps):
        return [1000 * k for k in range(len(samples))], "times are counted, one fix a second from the clip's start"
    stamps_ms = [round(stamp.timestamp() * 1000) for stamp in stamps if stamp]
    return video_times(stamps_ms, path.stem, facts.duration_s)


def _sample_ms(tags: Tags) -> int:
    """A sample's time; samples that share one payload are spread over its duration."""
    share = tags["copy"] / max(1, tags["copies"])
    return round(1000 * ((_number(tags, "SampleTime") or 0.0) + share * (_number(tags, "SampleDuration") or 0.0)))


def _fix(tags: Tags, t_ms: int, speed_divisor: float) -> Fix | None:
    latitude, longitude = _number(tags, "GPSLatitude"), _number(tags, "GPSLongitude")
    if latitude is None or longitude is None or not is_plausible(latitude, longitude):
        return None
    speed, course = _number(tags, "GPSSpeed"), _number(tags, "GPSTrack")
    stamp = _stamp(tags)
    return Fix(
        t_ms,
        True,
        latitude=latitude,
        longitude=longitude,
        speed_mps=speed / speed_divisor if speed is not None and 0 <= speed / speed_divisor <= MAX_SPEED_MPS else None,
        bearing_deg=course % 360.0 if course is not None and 0 <= course <= 360 else None,
        altitude_m=_number(tags, "GPSAltitude"),
        utc=to_text(stamp) if stamp else None,
    )
