"""Pictures fitted into a network's input, and boxes brought back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_PAD_VALUE = 114  # the grey that YOLO networks are trained with (Ultralytics)


@dataclass(frozen=True)
class Fit:
    """How a picture lies in a network's input: scaled by `scale`, then moved by (left, top) pixels."""

    scale: float
    left: int
    top: int

    def back(self, boxes: NDArray[Any], width: int, height: int) -> NDArray[Any]:
        """Boxes (n, 4) xyxy of the input as boxes of the picture, clipped to it."""
        moved = (boxes - np.array([self.left, self.top, self.left, self.top], np.float32)) / self.scale
        moved[:, 0::2] = moved[:, 0::2].clip(0, width)
        moved[:, 1::2] = moved[:, 1::2].clip(0, height)
        return moved


def letterbox(picture: NDArray[Any], width: int, height: int, *, enlarge: bool = True) -> tuple[NDArray[Any], Fit]:
    """A BGR picture as a (1, 3, height, width) float32 RGB/255 input, aspect kept, centred on grey."""
    rows, columns = picture.shape[:2]
    scale = min(width / columns, height / rows)
    if not enlarge:
        scale = min(1.0, scale)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    if size != (columns, rows):
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    canvas = np.full((height, width, 3), _PAD_VALUE, np.uint8)
    canvas[top : top + size[1], left : left + size[0]] = picture
    tensor = np.ascontiguousarray(canvas[:, :, ::-1].transpose(2, 0, 1)[None], np.float32)
    tensor *= 1 / 255
    return tensor, Fit(scale, left, top)
