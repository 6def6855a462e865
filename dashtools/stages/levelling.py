"""Plates that hang or are filmed askew, sheared so that their line lies level, and where that line is."""

from __future__ import annotations

from math import ceil, floor
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dashtools.geometry import Box

_RISES = np.linspace(-0.25, 0.25, 21)  # rise per pixel to the right; steeper plates are hardly read at all
_WORK_HEIGHT_PX = 64
_UPRIGHT_BONUS = 0.02  # of two rises that fit alike the smaller one is taken
_LINE_SHARE = 0.5  # of the strongest rows' edges: below that a row lies beside the line
_LINE_MARGIN = 0.08
_CONTEXT = (0.1, 0.7)  # of the box on each side, so that shearing draws in picture and not border


def rise_of(crop: NDArray[Any]) -> float:
    """How much a plate's line falls or rises per pixel to the right: the shear that parts text from gaps best."""
    rows, columns = crop.shape[:2]
    width = max(16, round(columns * _WORK_HEIGHT_PX / rows))
    grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), (width, _WORK_HEIGHT_PX))
    edges = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0))

    def contrast(rise: float) -> float:
        profile = cv2.warpAffine(edges, _shear(rise, width / 2), (width, _WORK_HEIGHT_PX)).mean(axis=1)
        return float(profile.std() / (profile.mean() + 1e-6)) - _UPRIGHT_BONUS * abs(rise)

    return float(max(_RISES, key=contrast))


def levelled(picture: NDArray[Any], box: Box, rise: float) -> tuple[NDArray[Any], Box]:
    """The surroundings of a box sheared by a rise about its middle, and the box in them."""
    height, width = picture.shape[:2]
    dx, dy = _CONTEXT[0] * box.width, _CONTEXT[1] * box.height
    left, top = max(0, floor(box.x1 - dx)), max(0, floor(box.y1 - dy))
    right, bottom = min(width, ceil(box.x2 + dx)), min(height, ceil(box.y2 + dy))
    around = picture[top:bottom, left:right]
    inside = Box(box.x1 - left, box.y1 - top, box.x2 - left, box.y2 - top)
    matrix = _shear(rise, inside.centre[0])
    size = (around.shape[1], around.shape[0])
    return cv2.warpAffine(around, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), inside


def main_line(crop: NDArray[Any]) -> NDArray[Any]:
    """The rows of the strongest line of a level plate: without a state's name above it and a frame's text below."""
    rows, columns = crop.shape[:2]
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    edges = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0))[:, columns // 12 : columns - columns // 12].mean(axis=1)
    window = max(1, rows // 12) | 1
    smooth = np.convolve(np.pad(edges, window // 2, "edge"), np.ones(window) / window, "valid")[:rows]
    inside = np.concatenate([[0], smooth > _LINE_SHARE * np.percentile(smooth, 90), [0]]).astype(int)
    starts, ends = np.flatnonzero(np.diff(inside) == 1), np.flatnonzero(np.diff(inside) == -1)
    if not len(starts):
        return crop
    strongest = max(zip(starts, ends), key=lambda run: (float(smooth[run[0] : run[1]].sum()), -run[0]))
    margin = round(_LINE_MARGIN * rows)
    return np.ascontiguousarray(crop[max(0, strongest[0] - margin) : strongest[1] + margin])


def _shear(rise: float, about_x: float) -> NDArray[Any]:
    return np.array([[1, 0, 0], [rise, 1, -rise * about_x]], np.float32)
