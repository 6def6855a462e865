"""Reads the GPS that cameras keep in a timed metadata track: GoPro, CAMM, SStar, Vueroid, Garmin, NMEA text."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dashtools.backends import camm, garmin, gpmf, sstar, vueroid
from dashtools.backends.nmea import slots_of_sample
from dashtools.backends.timed_samples import Sample, metadata_tracks, samples
from dashtools.model import Fix, Track
from dashtools.ports import ClipFacts

MAX_FIXES = 200_000
TRIED = 8
NO_FIX = "the receiver never had a fix"
Decode = Callable[[Sample, ClipFacts], list[Fix]]
FORMATS: dict[str, tuple[str, Decode]] = {
    "gpmd": ("gopro", gpmf.fixes_of),
    "camm": ("camm", camm.fixes_of),
    "ssmd": ("sstar", sstar.fixes_of),
    "mp4s": ("vueroid", vueroid.fixes_of),
    "text": ("nmea text", slots_of_sample),
    "tx3g": ("nmea text", slots_of_sample),
    "c608": ("nmea text", slots_of_sample),
}
REPEATED_MS = 1000  # a receiver of one fix a second in samples of twenty a second


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
                found = samples(stream, track, size_bytes)
                if decode is slots_of_sample:
                    reader, decode, found = _text_dialect(found)
                fixes = tuple(_fixes(decode, found, facts))
                if reader == "vueroid":
                    fixes = tuple(_once(fixes))
                if fixes:
                    note = None if any(fix.is_valid for fix in fixes) else f"{NO_FIX}: all {len(fixes)} slots are void"
                    return Track(reader, fixes, note=note)
        return None


def _text_dialect(found: Iterator[Sample]) -> tuple[str, Decode, Iterator[Sample]]:
    """Whose text it is, by the first samples: Garmin's, which is none, or NMEA."""
    head = list(itertools.islice(found, TRIED))
    everything = itertools.chain(head, found)
    if any(garmin.fixes_of(sample) is not None for sample in head):
        return "garmin", lambda sample, facts: garmin.fixes_of(sample) or [], everything
    return "nmea text", slots_of_sample, everything


def _once(fixes: Sequence[Fix]) -> Iterator[Fix]:
    """Without the repetitions of a position between two of the receiver's: a way in steps would be interpolated."""
    last: Fix | None = None
    for fix in fixes:
        is_same = last is not None and (fix.latitude, fix.longitude) == (last.latitude, last.longitude)
        if last is None or not is_same or fix.t_ms - last.t_ms >= REPEATED_MS:
            last = fix
            yield fix


def _fixes(decode: Decode, found: Iterator[Sample], facts: ClipFacts) -> Iterator[Fix]:
    count, last_ms = 0, 0
    for sample in found:
        for fix in decode(sample, facts):
            last_ms = max(last_ms, fix.t_ms)
            yield replace(fix, t_ms=last_ms, offset=sample.offset)
            count += 1
            if count >= MAX_FIXES:
                return
