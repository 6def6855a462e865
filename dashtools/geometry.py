"""Boxes in pixels: xyxy, half-open, x to the right and y down."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of its frame: x1 <= x < x2, y1 <= y < y2.

    >>> Box(0, 0, 4, 2).area
    8
    """

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return max(0, self.x2 - self.x1)

    @property
    def height(self) -> float:
        return max(0, self.y2 - self.y1)

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1.

    >>> round(iou(Box(0, 0, 2, 2), Box(1, 0, 3, 2)), 3)
    0.333
    """
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a.area + b.area - shared)


def clip_box(box: Box, width: int, height: int) -> Box:
    """The part of a box that lies inside a frame; may be empty.

    >>> clip_box(Box(-2, 1, 5, 9), 4, 4)
    Box(x1=0, y1=1, x2=4, y2=4)
    """
    return Box(
        min(max(box.x1, 0), width),
        min(max(box.y1, 0), height),
        min(max(box.x2, 0), width),
        min(max(box.y2, 0), height),
    )


def pad_box(box: Box, share: float) -> Box:
    """A box grown by `share` of its own size on each side.

    >>> pad_box(Box(10, 10, 20, 20), 0.1)
    Box(x1=9.0, y1=9.0, x2=21.0, y2=21.0)
    """
    dx, dy = box.width * share, box.height * share
    return Box(box.x1 - dx, box.y1 - dy, box.x2 + dx, box.y2 + dy)


def scale_box(box: Box, sx: float, sy: float) -> Box:
    """A box in another frame size.

    >>> scale_box(Box(1, 2, 3, 4), 2, 10)
    Box(x1=2, y1=20, x2=6, y2=40)
    """
    return Box(box.x1 * sx, box.y1 * sy, box.x2 * sx, box.y2 * sy)


def suppress(boxes: list[Box], scores: list[float], overlap: float) -> list[int]:
    """Indices that survive non-maximum suppression, best score first.

    >>> suppress([Box(0, 0, 2, 2), Box(0, 0, 2, 2), Box(5, 5, 6, 6)], [0.5, 0.9, 0.1], 0.45)
    [1, 2]
    """
    order = sorted(range(len(boxes)), key=lambda i: (-scores[i], i))
    kept: list[int] = []
    for i in order:
        if all(iou(boxes[i], boxes[j]) <= overlap for j in kept):
            kept.append(i)
    return kept
