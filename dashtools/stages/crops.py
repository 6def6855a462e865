"""Plates cut out of frames, and how each crop is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dashtools.geometry import Box, clip_box
from dashtools.model import PlateRead
from dashtools.ports import PlateReader
from dashtools.stages.levelling import levelled, main_line, rise_of
from dashtools.stages.quality import sharpness

PADDING = 0.03  # of the box on each side: what is shown
_INSIDE = -0.03  # trims a plate's ends: detectors box them wide, and a European band's edge reads as a letter
_BAND = (0.20, 0.90)  # of the height: leaves out a state's name above and frame text below
_STRETCH = 1.3  # parts thin signs that stand close: the reader sees 8 columns at a time
_USUAL_LENGTHS = range(4, 9)
_SURE = 0.95
_PROMISING = 0.3
_EDGE_PX = 3


@dataclass(frozen=True)
class Reading:
    """What was read of a plate, and from which part of it: "whole", "band" or "line"."""

    text: str
    confidences: tuple[float, ...]
    band: str

    @property
    def confidence(self) -> float:
        return sum(self.confidences) / len(self.confidences) if self.confidences else 0.0


def cut(picture: NDArray[Any], box: Box, pad_x: float = PADDING, pad_y: float = PADDING) -> NDArray[Any]:
    """An own copy of the box grown by shares of its size (trimmed where negative), whole pixels, inside the picture."""
    height, width = picture.shape[:2]
    dx, dy = pad_x * box.width, pad_y * box.height
    inside = clip_box(Box(box.x1 - dx, box.y1 - dy, box.x2 + dx, box.y2 + dy), width, height)
    x1, y1 = floor(inside.x1), floor(inside.y1)
    x2, y2 = max(ceil(inside.x2), x1 + 1), max(ceil(inside.y2), y1 + 1)
    return np.ascontiguousarray(picture[y1:y2, x1:x2])


def read_plate(reader: PlateReader, picture: NDArray[Any], box: Box) -> tuple[NDArray[Any], Reading]:
    """The crop of a box and what it says.

    The plate as it is and its levelled middle band are read first. Where they agree surely, or where there is hardly
    anything to read, that is the answer; else the levelled main line is read as well, stretched, with and without the
    plate's ends. The most confident answer counts; a length that few plates have halves the confidence.
    """
    crop = cut(picture, box)
    views = _views(picture, box, crop)
    readings = [_reading(reader.read(view), part) for part, view in (next(views), next(views))]
    best = max(readings, key=_worth)
    is_agreed = readings[0].text == readings[1].text and _worth(best) >= _SURE
    if not is_agreed and _worth(best) >= _PROMISING:
        readings += [_reading(reader.read(view), part) for part, view in views]
    return crop, max(readings, key=_worth)


def touches_edge(box: Box, width: int, height: int) -> bool:
    """Is the box at the frame's border, so that a part of the plate may be outside?"""
    return box.x1 < _EDGE_PX or box.y1 < _EDGE_PX or box.x2 > width - _EDGE_PX or box.y2 > height - _EDGE_PX


def crop_sharpness(crop: NDArray[Any]) -> float:
    """Sharpness of a crop's green channel, in grey levels."""
    return sharpness(crop[:, :, 1])


def _views(picture: NDArray[Any], box: Box, crop: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """What the reader is shown of a plate, part by part; later ones are only made when they are asked for."""
    yield "whole", cut(picture, box, _INSIDE, 0.0)
    level, inside = levelled(picture, box, rise_of(crop))
    trimmed = cut(level, inside, _INSIDE)
    yield "band", _band(trimmed)
    yield "line", _stretched(main_line(trimmed))
    yield "line", _stretched(main_line(cut(level, inside)))


def _band(crop: NDArray[Any]) -> NDArray[Any]:
    top, bottom = (round(share * crop.shape[0]) for share in _BAND)
    return np.ascontiguousarray(crop[top : max(bottom, top + 1)])


def _stretched(crop: NDArray[Any]) -> NDArray[Any]:
    size = (max(4, round(_STRETCH * crop.shape[1])), crop.shape[0])
    return cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC)


def _reading(read: PlateRead, part: str) -> Reading:
    return Reading(read.text, read.character_confidences, part)


def _worth(reading: Reading) -> float:
    return reading.confidence * (1.0 if len(reading.text) in _USUAL_LENGTHS else 0.5)
