"""Clips made on the spot for the backends' tests."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from dashtools.ports import ClipFacts


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


def clip_facts(duration_s: float = 60.0, **changes: object) -> ClipFacts:
    """Facts of a clip of which only the duration matters."""
    return replace(ClipFacts(1920, 1080, "h264", duration_s, 30.0, None, 0, False), **changes)


@pytest.fixture(name="clip_facts")
def _clip_facts() -> Callable[..., ClipFacts]:
    """The function that makes facts."""
    return clip_facts


def timed_mp4(format: bytes, handler: bytes, samples: list[bytes], step_ms: int = 1000) -> bytes:
    """An MP4 with one metadata track and no picture; sample k begins at k x step_ms."""

    def box(kind: bytes, *parts: bytes) -> bytes:
        body = b"".join(parts)
        return struct.pack(">I4s", len(body) + 8, kind) + body

    count = len(samples)
    stbl = box(
        b"stbl",
        box(b"stsd", struct.pack(">II", 0, 1), box(format, bytes(8))),
        box(b"stts", struct.pack(">4I", 0, 1, count, step_ms)),
        box(b"stsc", struct.pack(">5I", 0, 1, 1, count, 1)),
        box(b"stsz", struct.pack(f">3I{count}I", 0, 0, count, *map(len, samples))),
        box(b"stco", struct.pack(">3I", 0, 1, 24)),
    )
    mdhd = box(b"mdhd", struct.pack(">6I", 0, 0, 0, 1000, step_ms * count, 0))
    hdlr = box(b"hdlr", bytes(8), handler, bytes(13))
    trak = box(b"trak", box(b"mdia", mdhd, hdlr, box(b"minf", stbl)))
    return box(b"ftyp", b"isom", bytes(4)) + box(b"mdat", *samples) + box(b"moov", trak)


@pytest.fixture(name="timed_mp4")
def _timed_mp4() -> Callable[..., bytes]:
    """The function that makes an MP4 with one metadata track."""
    return timed_mp4
