"""The box walk goes only forward and ends, whatever sizes the bytes claim."""

from __future__ import annotations

import io
import struct

from hypothesis import given
from hypothesis import strategies as st

from dashtools.backends.boxes import walk


def test_a_box_smaller_than_its_header_ends_the_walk():
    content = struct.pack(">I4s", 8, b"free") + struct.pack(">I4s", 4, b"free") * 3
    boxes, stopped = walk(io.BytesIO(content), 0, len(content))
    assert ([box.name for box in boxes], stopped) == (["free"], 8)


def test_a_long_size_is_read_and_a_box_beyond_the_end_is_cut():
    content = struct.pack(">I4sQ", 1, b"mdat", 1 << 40) + bytes(10)
    (box,), stopped = walk(io.BytesIO(content), 0, len(content))
    assert (box.body, box.end, box.is_cut, stopped) == (16, 1 << 40, True, len(content))


@given(st.binary(max_size=400))
def test_every_walk_ends_with_rising_boxes(content):
    boxes, stopped = walk(io.BytesIO(content), 0, len(content))
    assert [box.start for box in boxes] == sorted({box.start for box in boxes})
    assert stopped <= len(content)
