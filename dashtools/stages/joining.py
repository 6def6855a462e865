"""Tracklets put together into tracks of one plate, by what was read, when, and where."""

from __future__ import annotations

from collections.abc import Sequence

from dashtools.geometry import Box, iou
from dashtools.stages.align import align, edits, similarity, substitution_cost
from dashtools.stages.tracklets import Group, Sight

_ALIKE = 0.7  # of similarity: the same plate anywhere in a clip
_ALIKE_NEARBY = 0.45  # enough where time and place fit as well
_NEARBY_MS = 2500
_NEARBY_WIDTHS = 4.0
_NEARBY_RATIO = 2.0
_SURE = 0.9
_WEAK_LENGTH = 3  # a shorter text says too little to be compared


def join(groups: Sequence[Group]) -> list[Group]:
    """Groups of one plate each, by first frame; the strongest readings gather the weaker ones.

    Repeated until nothing joins: two poor readings may say together what each alone did not.
    """
    joined = _joined_once(groups)
    while len(joined) < len(groups):
        groups, joined = joined, _joined_once(joined)
    return joined


def _joined_once(groups: Sequence[Group]) -> list[Group]:
    waiting = sorted(groups, key=lambda g: (-g.strength, g.sights[0].frame_index, g.sights[0].box.x1))
    joined: list[Group] = []
    for group in waiting:
        home = _home(group, joined)
        if home is None:
            joined.append(group)
        else:
            joined[home] = joined[home].merged(group)
    return sorted(joined, key=lambda g: (g.sights[0].frame_index, g.sights[0].box.x1, g.sights[0].box.y1))


def _home(group: Group, joined: Sequence[Group]) -> int | None:
    """The position of the best group to join, or None."""
    rated = [(_rating(other, group), -i) for i, other in enumerate(joined)]
    best = max(rated, default=(0.0, 0))
    return -best[1] if best[0] > 0 else None


def _rating(strong: Group, weak: Group) -> float:
    """0 when two groups are not one plate, else how alike they are."""
    a, b = strong.vote.text, weak.vote.text
    if min(len(a), len(b)) < _WEAK_LENGTH or _seen_together(strong, weak):
        return 0.0
    alike = similarity(a, b)
    if alike >= _ALIKE and not _differ_surely(strong, weak):
        return alike
    if alike >= _ALIKE_NEARBY and _is_nearby(strong, weak) and weak.vote.confidence < _SURE:
        return alike
    return 0.0


def _seen_together(a: Group, b: Group) -> bool:
    """Are they two boxes in one picture? Overlapping boxes are one plate found twice."""
    for index in a.frames & b.frames:
        mine = [s.box for s in a.sights if s.frame_index == index]
        theirs = [s.box for s in b.sights if s.frame_index == index]
        if any(iou(x, y) < 0.2 and not _holds(x, y) for x in mine for y in theirs):
            return True
    return False


def _holds(a: Box, b: Box) -> bool:
    """Does one box hold the other's centre?"""
    (ax, ay), (bx, by) = a.centre, b.centre
    return (a.x1 <= bx < a.x2 and a.y1 <= by < a.y2) or (b.x1 <= ax < b.x2 and b.y1 <= ay < b.y2)


def _differ_surely(a: Group, b: Group) -> bool:
    """Do two plates of a fleet differ in one sign that no reader confuses, each read surely and twice?"""
    if min(a.vote.confidence, b.vote.confidence) < _SURE or min(a.vote.supporters, b.vote.supporters) < 2:
        return False
    left, right = a.vote.text, b.vote.text
    if len(left) != len(right) or edits(left, right) == 0:
        return edits(left, right) > 1
    pairs = align(left, right)[1]
    return any(i is None or j is None or substitution_cost(left[i], right[j]) == 1.0 for i, j in pairs)


def _is_nearby(a: Group, b: Group) -> bool:
    """Does some sight of one follow some sight of the other soon, near and at a like size?"""
    return any(_follows(x, y) for x in a.sights for y in b.sights)


def _follows(a: Sight, b: Sight) -> bool:
    if a.frame_index == b.frame_index or abs(a.pts_ms - b.pts_ms) > _NEARBY_MS:
        return False
    wide, narrow = max(a.box.width, b.box.width), max(1.0, min(a.box.width, b.box.width))
    (ax, ay), (bx, by) = a.box.centre, b.box.centre
    distance = ((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5
    return wide / narrow <= _NEARBY_RATIO and distance <= _NEARBY_WIDTHS * wide
