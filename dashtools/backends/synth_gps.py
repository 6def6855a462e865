"""A Novatek GPS recording for a plain MP4: `moov/gps ` index and freeGPS blocks among the frames.

Layout: the A119 V3 and A129 Plus of Viofo (ExifTool's QuickTimeStream.pl, types 3 and 1C).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from dashtools.errors import BadInput
from dashtools.model import Fix

BLOCK_BYTES = 0x4000
PAYLOAD_MARK = 0x3F0
RECORD_AT = 0x10
INDEX_VERSION = 0x101
KNOT_MPS = 1852 / 3600
PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def block(fix: Fix) -> bytes:
    """One freeGPS block; a void slot has its time but neither place nor speed."""
    out = bytearray(BLOCK_BYTES)
    struct.pack_into(">I8sI", out, 0, BLOCK_BYTES, b"freeGPS ", 0)
    struct.pack_into("<I", out, 12, PAYLOAD_MARK)
    moment = datetime.fromisoformat((fix.utc or "2000-01-01T00:00:00Z").replace("Z", "+00:00"))
    clock = (moment.hour, moment.minute, moment.second, moment.year - 2000, moment.month, moment.day)
    if fix.is_valid and fix.latitude is not None and fix.longitude is not None:
        sides = b"A" + (b"S" if fix.latitude < 0 else b"N") + (b"W" if fix.longitude < 0 else b"E")
        place = (ddmm(fix.latitude), ddmm(fix.longitude), (fix.speed_mps or 0.0) / KNOT_MPS, fix.bearing_deg or 0.0)
    else:
        sides, place = b"V\0\0", (0.0, 0.0, 0.0, 0.0)
    struct.pack_into("<6I4s4f", out, RECORD_AT, *clock, sides + b"\0", *place)
    return bytes(out)


def ddmm(degrees: float) -> float:
    """Unsigned DDDMM.MMMM, as receivers write it.

    >>> round(ddmm(-48.5), 4)
    4830.0
    """
    whole = int(abs(degrees))
    return whole * 100 + (abs(degrees) - whole) * 60


def with_gps(mp4: bytes, blocks: Sequence[bytes], frames_per_block: float) -> bytes:
    """The clip with each block before its frame; one chunk per frame, so that all offsets can move.

    The clip has one stream and its mdat before its moov, as ffmpeg writes without faststart.
    """
    top = {kind: (at, start, end) for kind, at, start, end in boxes(mp4, 0, len(mp4))}
    at, start, end = top[b"mdat"]
    moov = mp4[top[b"moov"][0] : top[b"moov"][2]]
    sizes = sample_sizes(moov)
    if sum(sizes) != end - start or start - at != 8 or top[b"moov"][0] < at:
        raise BadInput("the clip to carry GPS blocks is not one stream in one mdat ahead of its moov")
    out, index, offsets = bytearray(mp4[:start]), [], []
    for number, size in enumerate(sizes):
        while len(index) < len(blocks) and number >= len(index) * frames_per_block:
            out += bytes(-len(out) % BLOCK_BYTES)
            index.append((len(out), BLOCK_BYTES))
            out += blocks[len(index) - 1]
        offsets.append(len(out))
        out += mp4[start : start + size]
        start += size
    struct.pack_into(">I", out, at, len(out) - at)
    return bytes(out) + with_tables(moov, offsets, index)


def boxes(raw: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """(kind, where it begins, where its payload begins, where it ends) of each box with a 32-bit size."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", raw, start)
        if size < 8:
            raise BadInput(f"box {kind!r} at byte {start} says {size} bytes")
        yield kind, start, start + 8, start + size
        start += size


def box(kind: bytes, payload: bytes) -> bytes:
    """A box with a 32-bit size."""
    return struct.pack(">I4s", len(payload) + 8, kind) + payload


def sample_sizes(moov: bytes) -> list[int]:
    """Bytes of every sample, from the only stsz."""
    at = moov.index(b"stsz") + 4
    fixed, count = struct.unpack_from(">II", moov, at + 4)
    return [fixed] * count if fixed else list(struct.unpack_from(f">{count}I", moov, at + 12))


def with_tables(moov: bytes, offsets: Sequence[int], index: Sequence[tuple[int, int]]) -> bytes:
    """The moov with one chunk per sample and the `gps ` index ahead of udta.

    ExifTool honours the index only while no handler was seen after the streams: udta's own would hide it.
    """
    tables = {
        b"stsc": struct.pack(">5I", 0, 1, 1, 1, 1),
        b"stco": struct.pack(f">II{len(offsets)}I", 0, len(offsets), *offsets),
    }
    gps = struct.pack(">II", INDEX_VERSION, len(index)) + b"".join(struct.pack(">II", *entry) for entry in index)
    (_, _, start, end), *_ = boxes(moov, 0, len(moov))
    parts = [(kind, _rebuilt(kind, moov[first:last], tables)) for kind, _, first, last in boxes(moov, start, end)]
    at = next((number for number, (kind, _) in enumerate(parts) if kind == b"udta"), len(parts))
    parts.insert(at, (b"gps ", box(b"gps ", gps)))
    return box(b"moov", b"".join(whole for _, whole in parts))


def _rebuilt(kind: bytes, payload: bytes, tables: Mapping[bytes, bytes]) -> bytes:
    """A box with the tables replaced, however deep they lie."""
    if kind in tables:
        return box(kind, tables[kind])
    if kind not in PARENTS:
        return box(kind, payload)
    inner = (_rebuilt(one, payload[first:last], tables) for one, _, first, last in boxes(payload, 0, len(payload)))
    return box(kind, b"".join(inner))
