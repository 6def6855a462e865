"""Small pictures of the frames worth showing: the best proposal of every few seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
from numpy.typing import NDArray

_SLOT_MS = 5000
_JPEG_QUALITY = 80


@dataclass
class Thumbs:
    """Keeps one encoded picture for each slot of time, so that a long clip costs no memory."""

    width_px: int
    _best: dict[int, tuple[tuple[float, float], int, bytes]] = field(default_factory=dict)

    def offer(self, frame_index: int, pts_ms: int, picture: NDArray[Any], rank: tuple[float, float]) -> None:
        """Remembers a picture when it ranks above the one its slot has."""
        slot = pts_ms // _SLOT_MS
        if slot not in self._best or rank > self._best[slot][0]:
            self._best[slot] = (rank, frame_index, encode_jpeg(shrink(picture, self.width_px), _JPEG_QUALITY))

    def write(self, out: Path) -> dict[int, str]:
        """Frame number to path inside `out`, best ranked first."""
        paths: dict[int, str] = {}
        for _, frame_index, content in sorted(self._best.values(), key=lambda entry: entry[0], reverse=True):
            paths[frame_index] = f"thumbs/{frame_index:06d}.jpg"
            target = out / paths[frame_index]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return paths


def shrink(picture: NDArray[Any], width_px: int) -> NDArray[Any]:
    """A picture no wider than `width_px`, aspect kept."""
    height, width = picture.shape[:2]
    if width <= width_px:
        return picture
    return cv2.resize(picture, (width_px, max(1, round(height * width_px / width))), interpolation=cv2.INTER_AREA)


def encode_jpeg(picture: NDArray[Any], quality: int) -> bytes:
    """A picture as JPEG bytes."""
    done, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"no JPEG can be made of a picture of shape {picture.shape}")
    return content.tobytes()
