"""Looks at the fragments of an MP4 (ISO/IEC 14496-12, 8.8) for pictures that cannot be: larger than the file.

A decoder reserves memory for a picture before it looks whether it is there.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from dashtools.backends.boxes import Box, walk

DEFAULT_SIZE = 0x10
DATA_OFFSET, FIRST_FLAGS = 0x1, 0x4
DURATION, SIZE, FLAGS, TIME_OFFSET = 0x100, 0x200, 0x400, 0x800
MAX_ENTRIES = 1_000_000
TFHD_FIELDS = ((0x1, 8), (0x2, 4), (0x8, 4))  # what may stand before the default size


def impossible(stream: BinaryIO, moofs: list[Box], size_bytes: int) -> str | None:
    """What the first run says that cannot be, and at which byte; None when all can."""
    for moof in moofs:
        for traf in walk(stream, moof.body, moof.payload_end(size_bytes))[0]:
            if traf.type != b"traf":
                continue
            for box in walk(stream, traf.body, traf.payload_end(size_bytes))[0]:
                claimed, counted, held = _sizes(stream, box, size_bytes)
                if counted > held:
                    return f"the fragment at byte {box.start} counts {counted} pictures but holds {held}"
                if max(claimed, default=0) > size_bytes:
                    return f"the fragment at byte {box.start} names a picture of {max(claimed)} bytes, beyond the file"
    return None


def _sizes(stream: BinaryIO, box: Box, limit: int) -> tuple[list[int], int, int]:
    """The picture sizes that a tfhd or trun names; how many pictures it counts, and for how many it has room."""
    nothing: tuple[list[int], int, int] = ([], 0, 0)
    if box.type not in (b"tfhd", b"trun"):
        return nothing
    stream.seek(box.body)
    text = stream.read(max(0, min(box.payload_end(limit) - box.body, 16 * MAX_ENTRIES)))
    if len(text) < 8:
        return nothing
    flags, count = struct.unpack_from(">II", text)
    if box.type == b"tfhd":
        at = 8 + sum(width for flag, width in TFHD_FIELDS if flags & flag)
        has_size = flags & DEFAULT_SIZE and at + 4 <= len(text)
        return (list(struct.unpack_from(">I", text, at)), 0, 0) if has_size else nothing
    step = 4 * sum(bool(flags & flag) for flag in (DURATION, SIZE, FLAGS, TIME_OFFSET))
    if step == 0:  # all pictures are of the default size, and each has a byte at least
        return [], count, min(limit, MAX_ENTRIES)
    start = 8 + 4 * bool(flags & DATA_OFFSET) + 4 * bool(flags & FIRST_FLAGS)
    held = max(0, len(text) - start) // step
    first = start + 4 * bool(flags & DURATION)
    places = range(first, first + step * min(held, count), step) if flags & SIZE else ()
    return [struct.unpack_from(">I", text, at)[0] for at in places], count, held
