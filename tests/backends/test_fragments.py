"""Fragments that name what cannot be are refused before a decoder reserves memory for it."""

from __future__ import annotations

import io
import struct

import pytest

from dashtools.backends.boxes import walk
from dashtools.backends.fragments import impossible


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def trun(count: int, sizes: list[int], *, flags: int = 0x201) -> bytes:
    return box(b"trun", struct.pack(">III", flags, count, 0) + b"".join(struct.pack(">I", size) for size in sizes))


def tfhd(default_size: int) -> bytes:
    return box(b"tfhd", struct.pack(">IIQI", 0x11, 1, 0, default_size))


def verdict(*inner: bytes) -> str | None:
    stream = io.BytesIO(box(b"moof", box(b"traf", b"".join(inner))) + bytes(1000))
    size = stream.seek(0, 2)
    return impossible(stream, [b for b in walk(stream, 0, size)[0] if b.type == b"moof"], size)


def test_a_fragment_of_possible_pictures_passes():
    assert verdict(tfhd(100), trun(3, [10, 20, 900])) is None


CASES = {
    "a picture larger than the file": ([trun(2, [10, 1 << 30])], "names a picture of 1073741824 bytes"),
    "more pictures than it holds": ([trun(1 << 31, [10, 20])], "counts 2147483648 pictures but holds 2"),
    "pictures without end": ([trun(1 << 31, [], flags=0x1)], "counts 2147483648 pictures but holds 1"),
    "a default size larger than the file": ([tfhd(1 << 31)], "names a picture of 2147483648 bytes"),
}


@pytest.mark.parametrize(("inner", "reason"), CASES.values(), ids=CASES)
def test_what_cannot_be_is_told_with_its_byte(inner, reason):
    said = verdict(*inner)
    assert reason in said and "at byte 16" in said


@pytest.mark.parametrize("cut", range(9, 40))
def test_a_cut_run_is_no_crash(cut):
    stream = io.BytesIO(box(b"moof", box(b"traf", trun(2, [10, 20])[:cut])))
    size = stream.seek(0, 2)
    impossible(stream, walk(stream, 0, size)[0], size)
