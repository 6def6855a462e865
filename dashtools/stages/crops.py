"""Plates cut out of frames, and how each crop is read."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashtools.geometry import Box, clip_box, pad_box
from dashtools.model import PlateRead
from dashtools.ports import PlateReader
from dashtools.stages.quality import sharpness

PADDING = 0.03  # of the box on each side, as measured with this reader
_BAND = (0.20, 0.90)  # of the height: leaves out a state's name above and frame text below
_USUAL_LENGTHS = range(4, 9)
_EDGE_PX = 3


@dataclass(frozen=True)
class Reading:
    """What was read of one crop, and of which part: "whole" or "band"."""

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


def read_crop(reader: PlateReader, crop: NDArray[Any]) -> Reading:
    """The better of two readings, the whole crop's and its middle band's.

    Better is more confident, where a length that few plates have halves the confidence.
    """
    whole = _reading(reader.read(crop), "whole")
    height = crop.shape[0]
    band = crop[round(_BAND[0] * height) : max(round(_BAND[1] * height), round(_BAND[0] * height) + 1)]
    middle = _reading(reader.read(np.ascontiguousarray(band)), "band")
    return middle if _worth(middle) > _worth(whole) else whole


def touches_edge(box: Box, width: int, height: int) -> bool:
    """Is the box at the frame's border, so that a part of the plate may be outside?"""
    return box.x1 < _EDGE_PX or box.y1 < _EDGE_PX or box.x2 > width - _EDGE_PX or box.y2 > height - _EDGE_PX


def crop_sharpness(crop: NDArray[Any]) -> float:
    """Sharpness of a crop's green channel, in grey levels."""
    return sharpness(crop[:, :, 1])


def _reading(read: PlateRead, band: str) -> Reading:
    return Reading(read.text, read.character_confidences, band)


def _worth(reading: Reading) -> float:
    return reading.confidence * (1.0 if len(reading.text) in _USUAL_LENGTHS else 0.5)
