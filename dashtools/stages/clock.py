"""How well a track's three clocks agree, and what in a track cannot be as it says."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from dashtools.geodesy import distance_m
from dashtools.model import Fix, Track
from dashtools.times import from_text

SHARE_INSIDE = 0.9  # of the fixes that must agree within the uncertainty
MOVING_MPS = 5.0  # 18 km/h: what the receiver's noise does not reach
STILL_MPS = 0.5
RUN_MIN = 5  # fixes in a row before a contradiction counts
JUMP_MPS = 150.0
PAIR_MAX_MS = 3000


def uncertainty_ms(track: Track) -> int | None:
    """By how much video time and the receiver's stamps disagree over the clip; at least what the reader says.

    A constant difference is the clip's start and no disagreement. None where nothing tells.
    """
    offsets = [from_text(f.utc).timestamp() * 1000 - f.t_ms for f in track.fixes if f.is_valid and f.utc]
    if len(offsets) < 2:
        return track.uncertainty_ms
    middle = statistics.median(offsets)
    strayed = sorted(abs(offset - middle) for offset in offsets)
    spread = round(strayed[min(len(strayed) - 1, int(SHARE_INSIDE * len(strayed)))])
    return max(spread, track.uncertainty_ms or 0)


def doubts(track: Track) -> list[str]:
    """A sentence for each contradiction: speed without movement, movement without speed, jumps."""
    fixes = [fix for fix in track.fixes if fix.is_valid and fix.latitude is not None and fix.longitude is not None]
    ways = list(_ways(fixes))
    pairs = [(stated, moved) for stated, moved in ways if stated is not None]
    found = []
    phantom = _longest([stated > MOVING_MPS and moved < STILL_MPS for stated, moved in pairs])
    if phantom >= RUN_MIN:
        found.append(f"speed without movement for {phantom} fixes in a row: the positions stand still")
    silent = _longest([stated < STILL_MPS and MOVING_MPS < moved < JUMP_MPS for stated, moved in pairs])
    if silent >= RUN_MIN:
        found.append(f"movement without speed for {silent} fixes in a row: the speeds are not to be believed")
    jumps = sum(moved > JUMP_MPS for _, moved in ways)
    if jumps:
        found.append(f"{jumps} jumps faster than {JUMP_MPS:g} m/s")
    if len(pairs) >= RUN_MIN and all(stated < STILL_MPS and moved < STILL_MPS for stated, moved in pairs):
        found.append("stationary: the camera did not move")
    return found


def _ways(fixes: Sequence[Fix]) -> Iterator[tuple[float | None, float]]:
    """(stated speed where both state one, speed from the positions) between neighbouring fixes."""
    for before, after in zip(fixes, fixes[1:]):
        lasted_ms = after.t_ms - before.t_ms
        if not 0 < lasted_ms <= PAIR_MAX_MS:
            continue
        way_m = distance_m(
            before.latitude or 0.0, before.longitude or 0.0, after.latitude or 0.0, after.longitude or 0.0
        )
        is_stated = before.speed_mps is not None and after.speed_mps is not None
        stated = ((before.speed_mps or 0.0) + (after.speed_mps or 0.0)) / 2 if is_stated else None
        yield stated, 1000 * way_m / lasted_ms


def _longest(flags: Sequence[bool]) -> int:
    """The longest run of true ones.

    >>> _longest([True, False, True, True])
    2
    """
    best = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        best = max(best, run)
    return best
