"""Where the camera was at a moment of the clip: between two fixes, or nowhere.

Nothing is extrapolated and no stale fix is used: outside the fixes or across too wide a gap
the answer is no position and the reason.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dashtools.geodesy import interpolate_bearing, interpolate_longitude, is_plausible
from dashtools.model import Fix, Json, Track


@dataclass(frozen=True)
class Position:
    """A place on WGS 84, or None everywhere and `reason`; `method` is "fix" or "interpolated"."""

    latitude: float | None = None
    longitude: float | None = None
    bearing_deg: float | None = None
    speed_mps: float | None = None
    method: str | None = None
    reason: str | None = None

    def to_json(self) -> Json:
        return {
            "latitude": self.latitude,
            "longitude": self.longitude,
            "bearing_deg": self.bearing_deg,
            "speed_mps": self.speed_mps,
            "method": self.method,
            "reason": self.reason,
        }


class Locator:
    """Answers for any moment of one clip."""

    def __init__(self, track: Track, *, offset_ms: int = 0, tolerance_ms: int = 200, gap_max_s: float = 3.0) -> None:
        self.track = track
        self.offset_ms, self.tolerance_ms, self.gap_max_s = offset_ms, tolerance_ms, gap_max_s
        usable = sorted((f for f in track.fixes if _is_usable(f)), key=lambda f: f.t_ms)
        self._fixes: Sequence[Fix] = usable
        self._times = [f.t_ms for f in usable]

    def at(self, pts_ms: int) -> Position:
        """The position at a video time; a fix within the tolerance stands for it where nothing brackets it.

        Where the clip's clocks agree less well than the tolerance, the position comes with that as its `reason`.
        `offset_ms` is added to the video time first: what the GPS clock shows when the video shows 0.
        """
        found = self._at(pts_ms)
        unsure_ms = self.track.uncertainty_ms or 0
        if found.latitude is None or unsure_ms <= self.tolerance_ms:
            return found
        why = f"uncertain: the clocks agree within {unsure_ms / 1000:.1f} s only (limit {self.tolerance_ms / 1000:g} s)"
        return replace(found, reason=why)

    def _at(self, pts_ms: int) -> Position:
        if not self._fixes:
            return Position(reason=_why_empty(self.track))
        at_ms = pts_ms + self.offset_ms
        after = bisect_left(self._times, at_ms)
        if after < len(self._times) and self._times[after] == at_ms:
            return _of_fix(self._fixes[after])
        if 0 < after < len(self._fixes):
            return self._between(self._fixes[after - 1], self._fixes[after], at_ms)
        return self._outside(self._fixes[0] if after == 0 else self._fixes[-1], at_ms)

    def _between(self, before: Fix, after: Fix, at_ms: int) -> Position:
        gap_s = (after.t_ms - before.t_ms) / 1000
        if gap_s > self.gap_max_s:
            near = before if at_ms - before.t_ms <= after.t_ms - at_ms else after
            if abs(near.t_ms - at_ms) <= self.tolerance_ms:
                return _of_fix(near)
            return Position(reason=f"no fix for {gap_s:.1f} s around this moment (limit {self.gap_max_s:g} s)")
        return _interpolated(before, after, (at_ms - before.t_ms) / (after.t_ms - before.t_ms))

    def _outside(self, nearest: Fix, at_ms: int) -> Position:
        distance_ms = abs(nearest.t_ms - at_ms)
        if distance_ms <= self.tolerance_ms:
            return _of_fix(nearest)
        side = "before the first" if at_ms < nearest.t_ms else "after the last"
        return Position(reason=f"{distance_ms / 1000:.1f} s {side} fix; positions are not extrapolated")


def _is_usable(fix: Fix) -> bool:
    return (
        fix.is_valid
        and fix.latitude is not None
        and fix.longitude is not None
        and is_plausible(fix.latitude, fix.longitude)
    )


def _why_empty(track: Track) -> str:
    if track.fixes:
        return "the receiver never had a fix"
    return track.note or "the clip carries no GPS track"


def _of_fix(fix: Fix) -> Position:
    return Position(fix.latitude, fix.longitude, fix.bearing_deg, fix.speed_mps, "fix")


def _interpolated(before: Fix, after: Fix, share: float) -> Position:
    assert before.latitude is not None and after.latitude is not None
    assert before.longitude is not None and after.longitude is not None
    bearing = speed = None
    if before.bearing_deg is not None and after.bearing_deg is not None:
        bearing = round(interpolate_bearing(before.bearing_deg, after.bearing_deg, share), 2)
    if before.speed_mps is not None and after.speed_mps is not None:
        speed = round(before.speed_mps + share * (after.speed_mps - before.speed_mps), 3)
    return Position(
        round(before.latitude + share * (after.latitude - before.latitude), 7),
        round(interpolate_longitude(before.longitude, after.longitude, share), 7),
        bearing,
        speed,
        "interpolated",
    )
