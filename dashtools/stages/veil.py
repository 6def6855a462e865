"""Plates made unreadable in pictures: where they are at a moment by the boxes that were found, and what is left."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
from numpy.typing import NDArray

from dashtools.geometry import Box, clip_box, iou, pad_box

HOLD_MS = 600  # a plate is there before its first box and after its last: frames between samples, and late detections
BRIDGE_MS = 2500  # boxes this far apart are of a plate that was there in between
MARGIN = 0.3
GROWTH_A_SECOND = 1.0  # how much less is known of a place with each second from its nearest box, in sizes of the box
PATCHES = (3, 1)  # colours across and down that remain: too few to tell any two signs apart, over many frames too
KEPT_MARGIN = 0.12


@dataclass(frozen=True)
class Sighted:
    """A box of one track at a moment of the clip."""

    pts_ms: int
    box: Box


@dataclass(frozen=True)
class Veil:
    """Which parts of a picture to hide: every track but one."""

    tracks: Mapping[str, Sequence[Sighted]]
    """Boxes of each track in time order, in pixels of the pictures."""
    kept: str | None = None
    """The track that stays as it is, also where another's margin reaches over it."""

    def hidden_at(self, pts_ms: int) -> list[Box]:
        """Boxes to hide at a moment, margins included."""
        found = (place(boxes, pts_ms, margin=MARGIN) for name, boxes in self.tracks.items() if name != self.kept)
        return [box for box in found if box is not None]

    def kept_at(self, pts_ms: int) -> Box | None:
        """Where the kept plate is."""
        return None if self.kept is None else place(self.tracks.get(self.kept, ()), pts_ms, margin=KEPT_MARGIN)

    def drawn(self, picture: NDArray[Any], pts_ms: int, more: Iterable[Box] = ()) -> NDArray[Any]:
        """A copy of the picture without readable plates; `more` are boxes that were found in this very picture."""
        kept, done = self.kept_at(pts_ms), picture.copy()
        others = [pad_box(box, MARGIN) for box in more if kept is None or iou(box, kept) < 0.1]
        for box in [*self.hidden_at(pts_ms), *others]:
            _hide(done, box)
        if kept is not None:
            part = _slices(done, kept)
            done[part] = picture[part]
        return done


def place(boxes: Sequence[Sighted], pts_ms: int, *, margin: float) -> Box | None:
    """Where a track is at a moment: between two boxes, or near its first or last; None when it is not there.

    >>> track = [Sighted(0, Box(0, 0, 10, 10)), Sighted(200, Box(20, 0, 30, 10))]
    >>> place(track, 0, margin=0.0), place(track, 2000, margin=0.0)
    (Box(x1=0.0, y1=0.0, x2=10.0, y2=10.0), None)
    """
    after = bisect_right([seen.pts_ms for seen in boxes], pts_ms)
    left = boxes[after - 1] if after else None
    right = boxes[after] if after < len(boxes) else None
    if left and right and right.pts_ms - left.pts_ms <= BRIDGE_MS:
        share = (pts_ms - left.pts_ms) / (right.pts_ms - left.pts_ms)
        away_ms = min(pts_ms - left.pts_ms, right.pts_ms - pts_ms)
        return pad_box(_between(left.box, right.box, share), margin + GROWTH_A_SECOND * away_ms / 1000)
    near = [seen for seen in (left, right) if seen is not None and abs(seen.pts_ms - pts_ms) <= HOLD_MS]
    if not near:
        return None
    nearest = min(near, key=lambda seen: abs(seen.pts_ms - pts_ms))
    return pad_box(nearest.box, margin + GROWTH_A_SECOND * abs(nearest.pts_ms - pts_ms) / 1000)


def _between(a: Box, b: Box, share: float) -> Box:
    pairs = ((a.x1, b.x1), (a.y1, b.y1), (a.x2, b.x2), (a.y2, b.y2))
    return Box(*(one + share * (other - one) for one, other in pairs))


def _slices(picture: NDArray[Any], box: Box) -> tuple[slice, slice]:
    height, width = picture.shape[:2]
    inner = clip_box(box, width, height)
    return slice(int(inner.y1), int(-(-inner.y2 // 1))), slice(int(inner.x1), int(-(-inner.x2 // 1)))


def _hide(picture: NDArray[Any], box: Box) -> None:
    """Leaves a few patches of colour of a part of the picture, in place."""
    part = picture[_slices(picture, box)]
    if part.shape[0] == 0 or part.shape[1] == 0:
        return
    few = cv2.resize(part, PATCHES, interpolation=cv2.INTER_AREA)
    part[:] = cv2.resize(few, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR)
