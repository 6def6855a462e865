"""How good a picture is to read from: sharpness and light."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_DARK_LEVEL = 40  # where even the brightest hundredth is below this, no lit plate is in the picture


def sharpness(grey: NDArray[Any]) -> float:
    """Mean absolute Laplacian of a uint8 grey picture, in grey levels; comparable within one clip only."""
    if min(grey.shape) < 3:
        return 0.0
    edges = cv2.Laplacian(np.ascontiguousarray(grey), cv2.CV_16S, ksize=1)
    return round(float(np.abs(edges).mean()), 3)


def brightness(grey: NDArray[Any]) -> float:
    """Mean grey level, 0..255."""
    return round(float(grey.mean()), 1)


def is_dark(grey: NDArray[Any]) -> bool:
    """Is nothing in the picture bright enough to be read?

    >>> is_dark(np.zeros((8, 8), np.uint8)), is_dark(np.full((8, 8), 90, np.uint8))
    (True, False)
    """
    return float(np.percentile(grey, 99)) < _DARK_LEVEL
