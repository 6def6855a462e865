"""A track without what lies in a home zone: no position there, and no moment of which a picture may be stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dashtools.geodesy import Circle
from dashtools.model import Fix, Track
from dashtools.ports import ClipFacts, GpsReader


class AwayFromHome:
    """A GPS reader whose tracks hold nothing of the zones; see `without_home`."""

    def __init__(self, reader: GpsReader, zones: Sequence[Circle]) -> None:
        self._reader, self._zones = reader, tuple(zones)
        self.name = reader.name
        self.is_fallback = getattr(reader, "is_fallback", False)

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track without home; its spans count from the first picture that decodes."""
        track = self._reader.read(path, facts)
        if track is None or not self._zones:
            return track
        found = without_home(track, self._zones)
        lost_ms = facts.lost_head_ms
        return replace(
            found, withheld=tuple((a - lost_ms, None if b is None else b - lost_ms) for a, b in found.withheld)
        )


def without_home(track: Track, zones: Sequence[Circle]) -> Track:
    """The track with every fix inside a zone made void (its time stays), and the spans in which it may be there.

    A span reaches to the neighbouring fixes outside, for nothing tells when the border was crossed between two fixes,
    and to the clip's beginning or end where no fix outside lies before or after. A clip without any fix has no spans:
    nothing tells where it was.
    """
    spans: list[tuple[int, int | None]] = []
    outside_ms: int | None = None
    is_inside = False
    for fix in track.fixes:
        if not fix.is_valid or fix.latitude is None or fix.longitude is None:
            continue
        was_inside, is_inside = is_inside, any(zone.holds(fix.latitude, fix.longitude) for zone in zones)
        if is_inside and not was_inside:
            spans.append((0 if outside_ms is None else outside_ms + 1, None))
        elif was_inside and not is_inside:
            spans[-1] = (spans[-1][0], fix.t_ms - 1)
        outside_ms = outside_ms if is_inside else fix.t_ms
    if not spans:
        return track
    fixes = tuple(_voided(fix, zones) for fix in track.fixes)
    dropped = sum(before.is_valid and not after.is_valid for before, after in zip(track.fixes, fixes))
    note = "; ".join(filter(None, [track.note, f"{dropped} fixes in a home zone were not stored"]))
    return replace(track, fixes=fixes, withheld=tuple(spans), note=note)


def _voided(fix: Fix, zones: Sequence[Circle]) -> Fix:
    if fix.latitude is None or fix.longitude is None:
        return fix
    is_home = any(zone.holds(fix.latitude, fix.longitude) for zone in zones)
    return Fix(fix.t_ms, False, utc=fix.utc) if is_home else fix
