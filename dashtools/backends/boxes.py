"""Walks the boxes of ISO base media files (ISO/IEC 14496-12, 4.2) by their headers alone."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

MAX_BOXES = 100_000  # per level; an hour of half-second fragments has 14,400


@dataclass(frozen=True)
class Box:
    """One box: `start` of its header, `body` of its payload, `end` as it says; `end` may lie outside the file."""

    type: bytes
    start: int
    body: int
    end: int
    is_cut: bool
    """Its end lies beyond what holds it."""

    @property
    def name(self) -> str:
        """The four characters, printable."""
        return self.type.decode("latin-1")

    def payload_end(self, limit: int) -> int:
        """Where its bytes end when `limit` is all there is."""
        return min(self.end, limit)


def walk(stream: BinaryIO, start: int, end: int) -> tuple[list[Box], int]:
    """The boxes between two offsets, and the offset where the walk had to stop.

    The walk stops at `end`, at a header that cannot be one, or after MAX_BOXES. It only goes forward and
    reads 16 bytes a box, so it ends whatever the bytes are.
    """
    found: list[Box] = []
    at = start
    while at + 8 <= end and len(found) < MAX_BOXES:
        stream.seek(at)
        header = stream.read(16)
        if len(header) < 8:
            break
        size, kind = struct.unpack_from(">I4s", header)
        body = at + 8
        if size == 1 and len(header) == 16:
            size = struct.unpack_from(">Q", header, 8)[0]
            body = at + 16
        elif size == 0:  # 4.2.2: to the end of the file
            size = end - at
        if at + size < body or not is_box_type(kind):
            break
        found.append(Box(kind, at, body, at + size, is_cut=at + size > end))
        at += size
    return found, min(at, end)


def is_box_type(kind: bytes) -> bool:
    """Could these four bytes name a box? Printable ASCII, or (c) first as in old QuickTime.

    >>> is_box_type(b"moov"), is_box_type(b"\\0\\0\\0\\0")
    (True, False)
    """
    return all(0x20 <= byte < 0x7F for byte in kind[1:]) and (0x20 <= kind[0] < 0x7F or kind[0] == 0xA9)


def first(boxes: Iterable[Box], kind: bytes) -> Box | None:
    """The first box of a type."""
    return next((box for box in boxes if box.type == kind), None)


def descend(stream: BinaryIO, box: Box, limit: int, *kinds: bytes) -> Box | None:
    """The first box down a path of types below a box, or None."""
    for kind in kinds:
        inner, _ = walk(stream, box.body, box.payload_end(limit))
        below = first(inner, kind)
        if below is None:
            return None
        box, limit = below, box.payload_end(limit)
    return box
