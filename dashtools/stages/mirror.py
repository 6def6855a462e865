"""Is a clip mirrored? Rear cameras often are; its plates tell, by a vote over the first ones that are read.

A plate read the wrong way round gives few characters, and those unsure, so each crop speaks clearly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashtools.geometry import Box
from dashtools.stages.crops import Reading

_CROPS_ASKED = 10
_CROPS_TRIED = 40  # a clip of nothing readable must not be read twice to its end
_VOTES_MIN = 2  # one crop may be a sign in a window or a letter that looks the same both ways
_MAJORITY = 3  # times the votes against
_CLEAR = 0.6
_MARGIN = 0.15
_LENGTH_MIN = 4


@dataclass
class Orientation:
    """Votes of a clip's crops; `is_open` until enough have spoken."""

    as_filmed: int = 0
    mirrored: int = 0
    asked: int = 0
    tried: int = 0

    @property
    def is_open(self) -> bool:
        return self.asked < _CROPS_ASKED and self.tried < _CROPS_TRIED

    @property
    def is_mirrored(self) -> bool:
        return self.mirrored >= _VOTES_MIN and self.mirrored >= _MAJORITY * self.as_filmed

    def hear(self, as_filmed: Reading, turned: Reading) -> None:
        """Takes one crop read both ways; a crop that reads badly both ways has no vote."""
        self.tried += 1
        a, b = _clarity(as_filmed), _clarity(turned)
        if max(a, b) < _CLEAR:
            return
        self.asked += 1
        self.mirrored += b > a + _MARGIN
        self.as_filmed += a > b + _MARGIN


def turned_round(picture: NDArray[Any]) -> NDArray[Any]:
    """The picture left for right, an own copy."""
    return np.ascontiguousarray(picture[:, ::-1])


def turned_box(box: Box, width: int) -> Box:
    """A box in the picture turned round.

    >>> turned_box(Box(10, 5, 30, 15), 100)
    Box(x1=70, y1=5, x2=90, y2=15)
    """
    return Box(width - box.x2, box.y1, width - box.x1, box.y2)


def _clarity(reading: Reading) -> float:
    """Confidence of a reading that is long enough for a plate."""
    return reading.confidence if len(reading.text) >= _LENGTH_MIN else 0.0
