"""Reads Tesla's GPS: messages ahead of the pictures, and in older firmware the one place in an event's `event.json`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import orjson

from dashtools.backends.receiver import fix_at
from dashtools.backends.tesla import message_of
from dashtools.backends.timed_samples import places, video_track
from dashtools.model import Fix, Track
from dashtools.ports import ClipFacts

HEAD_BYTES = 512
TRIED = 8  # pictures without a message before the clip is no such one
STEP_MS = 100  # a picture every 28 ms says no more than one in four does
MAX_EVENT_BYTES = 1 << 16
NO_FIX = "the car never told a position"
ONE_PLACE = "no track: only the place of the event is known"


class TeslaGps:
    """A slot every tenth of a second; see ports.GpsReader. The messages have no clock."""

    name = "tesla"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when the first pictures carry no message."""
        with path.open("rb") as stream:
            slots = tuple(_slots(stream, stream.seek(0, 2)))
        if not slots:
            return None
        is_void = not any(slot.is_valid for slot in slots)
        return Track(self.name, slots, note=f"{NO_FIX}: all {len(slots)} slots are void" if is_void else None)


def _slots(stream: BinaryIO, size_bytes: int) -> Iterator[Fix]:
    track = video_track(stream, size_bytes)
    if track is None or track.format not in ("avc1", "avc3"):
        return
    pictures = places(stream, track, size_bytes)
    first = list(itertools.islice(pictures, TRIED))
    if not any(message_of(_head(stream, place.offset, place.size_bytes)) for place in first):
        return
    last_ms = -STEP_MS
    for place in itertools.chain(first, pictures):
        if place.t_ms - last_ms < STEP_MS:
            continue
        message = message_of(_head(stream, place.offset, place.size_bytes))
        if message is not None:
            last_ms = round(place.t_ms)
            yield replace(message.fix(last_ms), offset=place.offset)


def _head(stream: BinaryIO, offset: int, size_bytes: int) -> bytes:
    stream.seek(offset)
    return stream.read(min(size_bytes, HEAD_BYTES))


class TeslaEventGps:
    """The place in the `event.json` of the clip's folder; see ports.GpsReader."""

    name = "tesla event"
    is_fallback = True

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """A track of one fix at the clip's start, or None."""
        event = path.with_name("event.json")
        if not event.is_file():
            return None
        try:
            said = orjson.loads(event.read_bytes()[:MAX_EVENT_BYTES])
            fix = fix_at(float(said["est_lat"]), float(said["est_lon"]))
        except (ValueError, KeyError, TypeError):
            return None
        return Track(self.name, (fix,), note=ONE_PLACE) if fix.is_valid else None
