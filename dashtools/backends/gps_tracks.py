"""Reads the GPS that cameras keep in a timed metadata track: GoPro, CAMM, SStar, Thinkware and other NMEA text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from dashtools.backends import camm, gpmf, sstar
from dashtools.backends.nmea import slots_of_sample
from dashtools.backends.timed_samples import Sample, metadata_tracks, samples
from dashtools.model import Fix, Track
from dashtools.ports import ClipFacts

MAX_FIXES = 200_000
NO_FIX = "the receiver never had a fix"
Decode = Callable[[Sample, ClipFacts], list[Fix]]
FORMATS: dict[str, tuple[str, Decode]] = {
    "gpmd": ("gopro", gpmf.fixes_of),
    "camm": ("camm", camm.fixes_of),
    "ssmd": ("sstar", sstar.fixes_of),
    "text": ("nmea text", slots_of_sample),
    "tx3g": ("nmea text", slots_of_sample),
    "c608": ("nmea text", slots_of_sample),
}


class TimedTrackGps:
    """Every slot of the first metadata track that holds some; see ports.GpsReader."""

    name = "timed track"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, its reader named after the format; None when no track is of a known one."""
        with path.open("rb") as stream:
            size_bytes = stream.seek(0, 2)
            for track in metadata_tracks(stream, size_bytes):
                reader, decode = FORMATS.get(track.format, ("", None))
                if decode is None:
                    continue
                fixes = tuple(_fixes(decode, samples(stream, track, size_bytes), facts))
                if fixes:
                    note = None if any(fix.is_valid for fix in fixes) else f"{NO_FIX}: all {len(fixes)} slots are void"
                    return Track(reader, fixes, note=note)
        return None


def _fixes(decode: Decode, found: Iterator[Sample], facts: ClipFacts) -> Iterator[Fix]:
    count, last_ms = 0, 0
    for sample in found:
        for fix in decode(sample, facts):
            last_ms = max(last_ms, fix.t_ms)
            yield replace(fix, t_ms=last_ms, offset=sample.offset)
            count += 1
            if count >= MAX_FIXES:
                return
