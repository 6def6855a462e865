"""The plain pipeline that ours is held against: a detector, a reader, the more confident of two readings.

Every box above a score of .25; the crop padded by 3 % and its middle band are read greedily; an unusual length halves
the confidence. In a clip, reads that are near or alike are one plate, and its most confident read is the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashtools.bench.plates_score import Answer, Found
from dashtools.geometry import Box, clip_box, iou, pad_box
from dashtools.model import PlateRead
from dashtools.ports import Detector, PlateReader
from dashtools.stages.align import edits

_MIN_SCORE = 0.25
_PADDING = 0.03
_BAND = (0.20, 0.90)
_LENGTHS = range(4, 9)
_NEAR_MS = 1500
_NEAR_OVERLAP = 0.3
_ALIKE_EDITS = 2


def plain_reads(detector: Detector, reader: PlateReader, picture: NDArray[Any]) -> list[Found]:
    """Every box of a picture with its better reading, each sign's cases apart where the reader can."""
    read_crop = getattr(reader, "read_cases_apart", reader.read)
    height, width = picture.shape[:2]
    found = []
    for d in detector.detect(picture, _MIN_SCORE):
        box = Box(d.x1, d.y1, d.x2, d.y2)
        padded = clip_box(pad_box(box, _PADDING), width, height)
        crop = np.ascontiguousarray(picture[int(padded.y1) : int(padded.y2) + 1, int(padded.x1) : int(padded.x2) + 1])
        read = _better(read_crop, crop)
        found.append(Found(box, read.text, read.confidence, len(read.text) in _LENGTHS))
    return found


def _better(read_crop: Callable[[NDArray[Any]], PlateRead], crop: NDArray[Any]) -> PlateRead:
    top, bottom = (round(share * crop.shape[0]) for share in _BAND)
    readings = [read_crop(crop), read_crop(np.ascontiguousarray(crop[top : max(bottom, top + 1)]))]
    return max(readings, key=lambda r: r.confidence * (1.0 if len(r.text) in _LENGTHS else 0.5))


@dataclass
class _Group:
    reads: list[tuple[int, int, Found]] = field(default_factory=list)

    def takes(self, pts_ms: int, found: Found) -> bool:
        """Is it near the last box in time and place, or much like the best text?"""
        _, before_ms, last = self.reads[-1]
        if pts_ms - before_ms <= _NEAR_MS and iou(last.box, found.box) >= _NEAR_OVERLAP:
            return True
        best = self.best.text
        return min(len(best), len(found.text)) > _ALIKE_EDITS and edits(best, found.text) <= _ALIKE_EDITS

    @property
    def best(self) -> Found:
        return max((found for *_, found in self.reads), key=lambda f: (f.is_shown, f.confidence))


@dataclass
class PlainTracks:
    """Reads of a clip's frames, put together as they come."""

    _groups: list[_Group] = field(default_factory=list)

    def add(self, frame: int, pts_ms: int, reads: list[Found]) -> None:
        """Takes one frame."""
        for found in reads:
            home = next((group for group in self._groups if group.takes(pts_ms, found)), None)
            if home is None:
                home = _Group()
                self._groups.append(home)
            home.reads.append((frame, pts_ms, found))

    def answers(self) -> list[Answer]:
        """The plates of the clip."""
        shown = [g for g in self._groups if g.best.is_shown]
        return [Answer(g.best.text, tuple((frame, found) for frame, _, found in g.reads)) for g in shown]
