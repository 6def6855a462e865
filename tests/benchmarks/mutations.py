"""Mutated containers, the same for the same number: boxes resized, renamed, lost, doubled; tables and bytes changed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta", b"moof", b"traf", b"mvex", b"edts", b"dinf", b"free")
TABLES = (b"stsz", b"stsc", b"stco", b"stts", b"ctts", b"stss", b"elst", b"gps ", b"co64", b"trun", b"mvhd", b"mdhd",
          b"tkhd", b"stsd", b"GPS ", b"gps0", b"avcC")  # fmt: skip
EXTREMES = (0, 1, 2, 7, 8, 9, 15, 16, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF)
TYPES = (*PARENTS, *TABLES, b"mdat", b"ftyp", b"uuid", b"skip", b"wide", b"\0\0\0\0", b"\xff\xff\xff\xff", b"cmov")
Place = tuple[int, int, bytes]


def places(content: bytes, start: int = 0, end: int | None = None, depth: int = 0) -> list[Place]:
    """(start, end, type) of every box, parents before their children."""
    end, found, at = len(content) if end is None else end, [], start
    while at + 8 <= end and len(found) < 2000:
        size, kind = struct.unpack_from(">I4s", content, at)
        if size < 8 or at + size > end:
            break
        found.append((at, at + size, kind))
        if kind in PARENTS and depth < 8:
            found += places(content, at + 8, at + size, depth + 1)
        at += size
    return found


def mutated(bases: list[bytes], number: int, seed: int = 20240115) -> bytes:
    """The mutation of a number; structure where there is some, bytes everywhere."""
    luck = random.Random(seed * 1_000_003 + number)
    content = bytearray(luck.choice(bases))
    for _ in range(luck.choice((1, 1, 1, 2, 2, 3, 5))):
        luck.choice(MUTATIONS)(content, luck)
        if len(content) > 4_000_000:
            del content[4_000_000:]
    return bytes(content)


def _box(content: bytearray, luck: random.Random) -> Place:
    found = places(bytes(content))
    return luck.choice(found) if found else (0, min(len(content), 8), b"")


def flip_bytes(content: bytearray, luck: random.Random) -> None:
    """A few bytes anywhere."""
    for _ in range(luck.choice((1, 3, 10, 100))):
        if content:
            content[luck.randrange(len(content))] ^= luck.randrange(1, 256)


def flip_header_bytes(content: bytearray, luck: random.Random) -> None:
    """A few bytes of one box that is not the media."""
    start, end, _ = _box(content, luck)
    for _ in range(luck.choice((1, 2, 8))):
        at = luck.randrange(start, min(end, start + 200)) if end > start else 0
        if at < len(content):
            content[at] ^= 1 << luck.randrange(8)


def resize_box(content: bytearray, luck: random.Random) -> None:
    """A box that says another size."""
    start, end, _ = _box(content, luck)
    size = luck.choice((*EXTREMES, end - start - 1, end - start + 1, len(content), 2 * len(content)))
    if start + 16 <= len(content):
        struct.pack_into(">I", content, start, size & 0xFFFFFFFF)
        if size == 1 and luck.random() < 0.7:
            struct.pack_into(">Q", content, start + 8, luck.choice((*EXTREMES, 1 << 62, (1 << 64) - 1)))


def rename_box(content: bytearray, luck: random.Random) -> None:
    """A box of another type."""
    start, end, _ = _box(content, luck)
    if end - start >= 8:
        content[start + 4 : start + 8] = luck.choice(TYPES)


def lose_box(content: bytearray, luck: random.Random) -> None:
    """A box that is not there; its parents keep their sizes."""
    start, end, _ = _box(content, luck)
    del content[start:end]


def double_box(content: bytearray, luck: random.Random) -> None:
    """A box twice, or inside itself."""
    start, end, _ = _box(content, luck)
    copy = bytes(content[start : min(end, start + 500_000)])
    at = luck.choice((start, end, min(start + 8, end), len(content)))
    content[at:at] = copy * luck.choice((1, 1, 2, 50 if len(copy) < 2000 else 1))


def change_table(content: bytearray, luck: random.Random) -> None:
    """Counts and values of a table at their extremes."""
    tables = [place for place in places(bytes(content)) if place[2] in TABLES and place[1] - place[0] >= 16]
    if not tables:
        return
    start, end, _ = luck.choice(tables)
    for _ in range(luck.choice((1, 1, 4))):
        at = start + 8 + 4 * luck.randrange(min(16, (end - start - 8) // 4))
        struct.pack_into(">I", content, at, luck.choice((*EXTREMES, luck.randrange(1 << 32))))


def cut(content: bytearray, luck: random.Random) -> None:
    """What a power cut leaves."""
    del content[luck.randrange(len(content) + 1) :]


def zero_range(content: bytearray, luck: random.Random) -> None:
    """Sectors that were never written."""
    if content:
        at, length = luck.randrange(len(content)), luck.choice((16, 512, 4096, 65536))
        content[at : at + length] = bytes(len(content[at : at + length]))


def insert_noise(content: bytearray, luck: random.Random) -> None:
    """Bytes that belong nowhere."""
    at = luck.randrange(len(content) + 1)
    content[at:at] = luck.randbytes(luck.choice((1, 3, 188, 4096)))


def shuffle_ranges(content: bytearray, luck: random.Random) -> None:
    """Two sectors in each other's place."""
    if len(content) < 2048:
        return
    a, b = (luck.randrange(len(content) // 512) * 512 for _ in range(2))
    content[a : a + 512], content[b : b + 512] = content[b : b + 512], content[a : a + 512]


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    flip_bytes,
    flip_header_bytes,
    flip_header_bytes,
    resize_box,
    resize_box,
    rename_box,
    lose_box,
    double_box,
    change_table,
    change_table,
    change_table,
    cut,
    zero_range,
    insert_noise,
    shuffle_ranges,
)
