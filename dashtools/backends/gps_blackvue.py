"""Reads BlackVue's GPS log inside the clip (`free` box > `gps `) and the logs that cameras lay beside their clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dashtools.backends.boxes import first, walk
from dashtools.backends.clip_clock import ASSUMED_MS
from dashtools.backends.nmea import name_clock_ms, read_log, timed
from dashtools.model import Track
from dashtools.ports import ClipFacts

MAX_LOG_BYTES = 16 << 20  # a minute of all sentences at 10 Hz is 600 kB
SIDECAR_SUFFIXES = (".gps", ".nmea")
CHANNEL_LETTERS = "FRIO"  # front, rear, interior, optional: the log has the clip's name without it


class BlackVueGps:
    """Every slot of the log in a clip's `free` box; see ports.GpsReader."""

    name = "blackvue"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when no `free` box holds a log."""
        with path.open("rb") as stream:
            text = _embedded(stream, stream.seek(0, 2))
        return None if text is None else track_of(self.name, text, path, facts)


class SidecarGps:
    """Every slot of an NMEA log beside the clip, `.gps` or `.nmea`; see ports.GpsReader."""

    name = "nmea"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when there is no such file, or no RMC sentence in it."""
        for beside in sidecars(path):
            with beside.open("rb") as stream:
                track = track_of(self.name, stream.read(MAX_LOG_BYTES), path, facts)
            if track is not None:
                return track
        return None


class LogGps:
    """Every slot of a file that is a log itself; see ports.GpsReader."""

    name = "nmea"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when no RMC sentence is in it."""
        with path.open("rb") as stream:
            return track_of(self.name, stream.read(MAX_LOG_BYTES), path, facts)


def track_of(reader: str, text: bytes, path: Path, facts: ClipFacts) -> Track | None:
    """The track of one log; None when it holds no RMC sentence."""
    slots, doubt = read_log(text)
    fixes, assumed = timed(slots, name_clock_ms(path.stem), facts.duration_s)
    if not fixes:
        return None
    if not any(fix.is_valid for fix in fixes):
        doubt = f"the receiver never had a fix: all {len(fixes)} slots are void"
    note = "; ".join(part for part in (doubt, assumed) if part) or None
    return Track(reader, fixes, note=note, uncertainty_ms=ASSUMED_MS if assumed else None)


def _embedded(stream: BinaryIO, size_bytes: int) -> bytes | None:
    for box in walk(stream, 0, size_bytes)[0]:
        if box.type != b"free" or box.end - box.body < 8:
            continue
        end = box.payload_end(size_bytes)
        gps = first(walk(stream, box.body, end)[0], b"gps ")
        if gps is not None:
            stream.seek(gps.body)
            return stream.read(max(0, min(gps.payload_end(end) - gps.body, MAX_LOG_BYTES)))
    return None


def sidecars(path: Path) -> Iterator[Path]:
    """Logs beside a clip: its own name first, then the name without the channel's letter."""
    stems = [path.stem] + ([path.stem[:-1]] if path.stem[-1:] in tuple(CHANNEL_LETTERS) else [])
    for stem in stems:
        for suffix in SIDECAR_SUFFIXES:
            for spelled in (suffix, suffix.upper()):
                beside = path.with_name(stem + spelled)
                if beside.is_file():
                    yield beside
