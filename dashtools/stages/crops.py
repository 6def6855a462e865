"""Plates cut out of frames, and how each crop is read."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashtools.geometry import Box, clip_box, pad_box
from dashtools.ports import PlateReader
from dashtools.stages.quality import sharpness
from dashtools.stages.vote import Ballot, vote

PADDING = 0.03  # of the box on each side, as measured with this reader
_BAND = (0.20, 0.90)  # of the height: leaves out a state's name above and frame text below
_USUAL_LENGTHS = range(4, 9)
_WIDE_PADDING = 0.08  # leaves the reader some room beside the blue band of European plates
_SURE = 0.9
_PROMISING = 0.5
_EDGE_PX = 3


@dataclass(frozen=True)
class Reading:
    """What was read of a plate, and from which part of its crop: "whole", "band", or "vote" of several."""

    text: str
    confidences: tuple[float, ...]
    band: str

    @property
    def confidence(self) -> float:
        return sum(self.confidences) / len(self.confidences) if self.confidences else 0.0


def cut(picture: NDArray[Any], box: Box, padding: float = PADDING) -> NDArray[Any]:
    """An own copy of the padded box, whole pixels, inside the picture."""
    height, width = picture.shape[:2]
    inside = clip_box(pad_box(box, padding), width, height)
    x1, y1 = floor(inside.x1), floor(inside.y1)
    x2, y2 = max(ceil(inside.x2), x1 + 1), max(ceil(inside.y2), y1 + 1)
    return np.ascontiguousarray(picture[y1:y2, x1:x2])


def read_plate(reader: PlateReader, picture: NDArray[Any], box: Box) -> tuple[NDArray[Any], Reading]:
    """The crop of a box and what it says.

    The whole crop and its middle band are read; the more confident answer counts, where a length that few plates
    have halves the confidence. Where a promising plate gives two answers, a wider crop is read as well and all vote.
    """
    crop = cut(picture, box)
    readings = _both(reader, crop)
    best = max(readings, key=_worth)
    if len({r.text for r in readings}) == 1 and _worth(best) >= _SURE or _worth(best) < _PROMISING:
        return crop, best
    readings += _both(reader, cut(picture, box, _WIDE_PADDING))
    voted = vote([Ballot(r.text, r.confidences, _usualness(r.text)) for r in readings])
    said = [r for r in readings if r.text == voted.text]
    if said:
        best = max(said, key=_worth)
        return crop, best if best in readings[:2] else Reading(best.text, best.confidences, "vote")
    return crop, Reading(voted.text, tuple(c.confidence for c in voted.characters), "vote")


def touches_edge(box: Box, width: int, height: int) -> bool:
    """Is the box at the frame's border, so that a part of the plate may be outside?"""
    return box.x1 < _EDGE_PX or box.y1 < _EDGE_PX or box.x2 > width - _EDGE_PX or box.y2 > height - _EDGE_PX


def crop_sharpness(crop: NDArray[Any]) -> float:
    """Sharpness of a crop's green channel, in grey levels."""
    return sharpness(crop[:, :, 1])


def _both(reader: PlateReader, crop: NDArray[Any]) -> list[Reading]:
    """The readings of a whole crop and of its middle band."""
    height = crop.shape[0]
    top, bottom = round(_BAND[0] * height), round(_BAND[1] * height)
    whole, band = reader.read(crop), reader.read(np.ascontiguousarray(crop[top : max(bottom, top + 1)]))
    return [
        Reading(whole.text, whole.character_confidences, "whole"),
        Reading(band.text, band.character_confidences, "band"),
    ]


def _usualness(text: str) -> float:
    return 1.0 if len(text) in _USUAL_LENGTHS else 0.5


def _worth(reading: Reading) -> float:
    return reading.confidence * _usualness(reading.text)
