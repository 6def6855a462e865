"""Clips made on the spot for the backends' tests."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest


def write_clip(path: Path, times_ms: list[int], size: tuple[int, int] = (64, 48), **options: str) -> Path:
    """An H.264 clip with one flat picture per time; the picture's brightness is 16 + 6 x its number."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "10", **options})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, at_ms in enumerate(times_ms):
            pixels = np.full((size[1], size[0], 3), 16 + 6 * (number % 36), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = at_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def uneven_clip(tmp_path: Path) -> Path:
    """Six frames at uneven times, B frames included, the first at 500 ms."""
    return write_clip(tmp_path / "uneven.mp4", [500, 540, 700, 1500, 1510, 2000], bf="2")


@pytest.fixture(name="write_clip")
def _write_clip() -> Callable[..., Path]:
    """The function that writes a clip of flat pictures."""
    return write_clip
