"""Boxes of one plate in frames that follow closely: joined by place and motion alone, and only when certain.

Geometry joins two vehicles as soon as frames are far apart, so a tracklet ends early; `joining` puts
tracklets together by what was read.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from dashtools.geometry import Box, iou
from dashtools.stages.crops import Reading
from dashtools.stages.vote import Ballot, Vote, vote

_GAP_MS = 450
_OVERLAP = 0.3
_DRIFT_WIDTHS = 0.5
_SIZE_RATIO = 1.35
_EDGE_WEIGHT = 0.3  # a plate that slides out of the frame is read confidently and short


SightKey = tuple[int, Box]


@dataclass(frozen=True)
class Sight:
    """A plate's box in one frame, with its reading where it was read."""

    frame_index: int
    pts_ms: int
    box: Box
    score: float
    is_cut: bool = False
    """At the frame's border: a part may be missing."""
    sharpness: float = 0.0
    reading: Reading | None = None

    @property
    def key(self) -> SightKey:
        """Tells it from every other sight of the clip."""
        return self.frame_index, self.box

    @property
    def quality(self) -> float:
        """How well it should read: size times sharpness, less at the border."""
        return self.box.width * (1 + self.sharpness) * (_EDGE_WEIGHT if self.is_cut else 1.0)

    @property
    def ballot(self) -> Ballot | None:
        if self.reading is None or not self.reading.text:
            return None
        return Ballot(self.reading.text, self.reading.confidences, _EDGE_WEIGHT if self.is_cut else 1.0)


@dataclass
class Tracklet:
    """Sights in frame order, one a frame."""

    sights: list[Sight] = field(default_factory=list)

    @property
    def last(self) -> Sight:
        return self.sights[-1]

    def predicted(self, at_ms: int) -> Box:
        """Where the plate should be at a time, at constant speed; its last box when only seen once."""
        if len(self.sights) < 2:
            return self.last.box
        before = self.sights[-2]
        share = (at_ms - self.last.pts_ms) / max(1, self.last.pts_ms - before.pts_ms)
        share = min(share, 2.0)
        dx = (self.last.box.centre[0] - before.box.centre[0]) * share
        dy = (self.last.box.centre[1] - before.box.centre[1]) * share
        box = self.last.box
        return Box(box.x1 + dx, box.y1 + dy, box.x2 + dx, box.y2 + dy)

    def nearness(self, box: Box, at_ms: int) -> float:
        """0 when a box cannot be this plate, else larger for a better fit."""
        last = self.last.box
        ratio = max(box.width, last.width) / max(1.0, min(box.width, last.width))
        if at_ms - self.last.pts_ms > _GAP_MS or ratio > _SIZE_RATIO:
            return 0.0
        places = (self.predicted(at_ms), last)
        overlap = max(iou(place, box) for place in places)
        drift = min(_drift_widths(place, box) for place in places)
        if overlap < _OVERLAP and drift > _DRIFT_WIDTHS:
            return 0.0
        return overlap + 1 / (1 + drift)

    def set_last(self, sight: Sight) -> None:
        self.sights[-1] = sight


def _drift_widths(a: Box, b: Box) -> float:
    (ax, ay), (bx, by) = a.centre, b.centre
    return ((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5 / max(1.0, a.width)


@dataclass
class Linker:
    """Puts the boxes of each frame, in frame order, to the tracklets they continue."""

    finished: list[Tracklet] = field(default_factory=list)
    _active: list[Tracklet] = field(default_factory=list)

    def link(self, sights: list[Sight]) -> list[Tracklet]:
        """The tracklet of each of one frame's sights, each tracklet used once; new ones where none fits."""
        if not sights:
            return []
        at_ms = sights[0].pts_ms
        self._retire(at_ms)
        pairs = [(t.nearness(s.box, at_ms), i, j) for i, s in enumerate(sights) for j, t in enumerate(self._active)]
        pairs = sorted((pair for pair in pairs if pair[0] > 0), key=lambda pair: (-pair[0], pair[1], pair[2]))
        chosen: dict[int, int] = {}
        for _, i, j in pairs:
            if i not in chosen and j not in chosen.values():
                chosen[i] = j
        linked: list[Tracklet] = []
        for i, sight in enumerate(sights):
            tracklet = self._active[chosen[i]] if i in chosen else Tracklet()
            tracklet.sights.append(sight)
            linked.append(tracklet)
        self._active += [t for i, t in enumerate(linked) if i not in chosen]
        return linked

    def tracklets(self) -> list[Tracklet]:
        """All tracklets so far, by first frame, then from left to right."""
        every = self.finished + self._active
        return sorted(every, key=lambda t: (t.sights[0].frame_index, t.sights[0].box.x1, t.sights[0].box.y1))

    def _retire(self, at_ms: int) -> None:
        self.finished += [t for t in self._active if at_ms - t.last.pts_ms > _GAP_MS]
        self._active = [t for t in self._active if at_ms - t.last.pts_ms <= _GAP_MS]


@dataclass(frozen=True)
class Group:
    """Sights held to be one plate, in frame order."""

    sights: tuple[Sight, ...]

    @cached_property
    def ballots(self) -> tuple[Ballot, ...]:
        """One ballot for each independent reading: a repeated picture reads the same and counts once."""
        found = (s.ballot for s in self.sights)
        return tuple(dict.fromkeys(b for b in found if b is not None))

    @cached_property
    def vote(self) -> Vote:
        return vote(self.ballots)

    @cached_property
    def strength(self) -> float:
        return round(sum(b.strength for b in self.ballots), 6)

    @cached_property
    def frames(self) -> frozenset[int]:
        return frozenset(s.frame_index for s in self.sights)

    def merged(self, other: Group) -> Group:
        both = (*self.sights, *other.sights)
        return replace(self, sights=tuple(sorted(both, key=lambda s: (s.frame_index, s.box.x1, s.box.y1))))
