"""Reads a track's sample tables (ISO/IEC 14496-12, 8.6 and 8.7) and tells which samples lie in the file."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from dashtools.backends.boxes import Box, first, walk

MAX_TABLE_BYTES = 12 << 20  # 3 million samples: 14 hours at 60 frames a second
Numbers = NDArray[np.int64]


@dataclass
class SampleTables:
    """Where a track's samples lie, as far as its tables can be believed."""

    declared: int = 0
    """Samples that stsz counts."""
    offsets: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    sizes: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    """Of the samples that stsc and stco give a place to; may be fewer than declared."""
    duration: int = 0
    """Sum of stts, in the track's own ticks."""
    faults: list[str] = field(default_factory=list)
    is_compact: bool = False
    """Its sizes are in an stz2, which is not read here."""

    def inside(self, file_size_bytes: int, index: tuple[int, int] = (0, 0)) -> int:
        """How many samples have bytes, lie wholly in the file, and not in the index (start, end) itself."""
        ends = self.offsets + self.sizes
        fits = (self.sizes > 0) & (self.offsets >= 0) & (ends <= file_size_bytes)
        fits &= (ends <= index[0]) | (self.offsets >= index[1])
        return int(np.count_nonzero(fits))


def read_tables(stream: BinaryIO, stbl: Box, limit: int) -> SampleTables:
    """The tables of one `stbl` box; what is wrong with them is in `faults`, nothing is raised."""
    tables = SampleTables()
    inner, _ = walk(stream, stbl.body, stbl.payload_end(limit))
    boxes = {box.type: box for box in reversed(inner)}
    for kind in (b"stsd", b"stts", b"stsc"):
        if kind not in boxes:
            tables.faults.append(f"sample table at byte {stbl.start} has no {kind.decode()}")
    sizes = _sizes(stream, boxes, limit, tables)
    chunks = _chunk_offsets(stream, boxes, limit, tables)
    runs = _entries(stream, boxes.get(b"stsc"), limit, 3, tables)
    times = _entries(stream, boxes.get(b"stts"), limit, 2, tables)
    tables.duration = int((times[:, 0] * times[:, 1]).sum())
    tables.declared = len(sizes)
    counted = int(times[:, 0].sum())
    if counted != len(sizes) and not tables.is_compact:
        tables.faults.append(f"stts gives times to {counted} samples but stsz has {len(sizes)}")
    _place(tables, sizes, chunks, _samples_per_chunk(runs, len(chunks), tables))
    return tables


def _table(stream: BinaryIO, box: Box | None, limit: int, skip: int, width: int, tables: SampleTables) -> bytes:
    """The entries of a counted table as far as the box and the file hold them."""
    if box is None:
        return b""
    stream.seek(box.body)
    head = stream.read(skip)
    if len(head) < skip:
        tables.faults.append(f"{box.name} at byte {box.start} is cut")
        return b""
    count = struct.unpack(">I", head[-4:])[0]
    room = max(0, min(box.payload_end(limit) - box.body - skip, MAX_TABLE_BYTES))
    if count * width > room:
        tables.faults.append(f"{box.name} at byte {box.start} counts {count} entries but holds {room // width}")
        count = room // width
    text = stream.read(count * width)
    return text[: len(text) // width * width]


def _entries(stream: BinaryIO, box: Box | None, limit: int, columns: int, tables: SampleTables) -> Numbers:
    text = _table(stream, box, limit, 8, 4 * columns, tables)
    return np.frombuffer(text, ">u4").astype(np.int64).reshape(-1, columns)


def _sizes(stream: BinaryIO, boxes: dict[bytes, Box], limit: int, tables: SampleTables) -> Numbers:
    box = boxes.get(b"stsz")
    if box is None:
        if b"stz2" in boxes:
            tables.is_compact = True
        else:
            tables.faults.append("the track has no stsz: nothing says how long its samples are")
        return np.zeros(0, np.int64)
    stream.seek(box.body)
    head = stream.read(12)
    if len(head) == 12 and (same := struct.unpack_from(">I", head, 4)[0]):
        count = min(struct.unpack_from(">I", head, 8)[0], MAX_TABLE_BYTES // 8)
        return np.full(count, same, np.int64)
    return np.frombuffer(_table(stream, box, limit, 12, 4, tables), ">u4").astype(np.int64)


def _chunk_offsets(stream: BinaryIO, boxes: dict[bytes, Box], limit: int, tables: SampleTables) -> Numbers:
    short, long = boxes.get(b"stco"), boxes.get(b"co64")
    if short is None and long is None:
        tables.faults.append("the track has neither stco nor co64: nothing says where its chunks lie")
    if long is not None:
        offsets = np.frombuffer(_table(stream, long, limit, 8, 8, tables), ">u8")
        # beyond any file system, and would turn negative
        return np.minimum(offsets, np.uint64(1 << 60)).astype(np.int64)
    return np.frombuffer(_table(stream, short, limit, 8, 4, tables), ">u4").astype(np.int64)


def _samples_per_chunk(runs: Numbers, chunk_count: int, tables: SampleTables) -> Numbers:
    """Samples in each chunk, from stsc's runs (first chunk, samples per chunk, description)."""
    if len(runs) == 0:
        tables.faults.append("stsc is empty: nothing says which chunk holds which sample")
        return np.zeros(chunk_count, np.int64)
    first_chunks = runs[:, 0]
    if first_chunks[0] != 1 or np.any(np.diff(first_chunks) <= 0) or np.any(runs[:, 1] == 0):
        tables.faults.append("stsc is inconsistent: its runs do not start at chunk 1, do not rise, or hold no sample")
        order = np.argsort(first_chunks, kind="stable")
        runs, first_chunks = runs[order], first_chunks[order]
    which = np.searchsorted(first_chunks, np.arange(1, chunk_count + 1), side="right") - 1
    return np.where(which >= 0, runs[np.maximum(which, 0), 1], 0)


def _place(tables: SampleTables, sizes: Numbers, chunks: Numbers, per_chunk: Numbers) -> None:
    """Gives each sample its offset: chunk start plus the sizes before it in its chunk."""
    ends = np.minimum(np.cumsum(np.minimum(per_chunk, len(sizes))), len(sizes))
    placed = int(ends[-1]) if len(ends) else 0
    if placed != len(sizes) or int(per_chunk.sum()) != len(sizes):
        tables.faults.append(f"stsc and stco place {int(per_chunk.sum())} samples but stsz has {len(sizes)}")
    counts = np.diff(ends, prepend=0)
    before = np.cumsum(sizes) - sizes
    chunk_of = np.repeat(np.arange(len(chunks)), counts)
    starts = np.concatenate(([0], ends[:-1])).astype(np.int64) if len(ends) else ends
    tables.sizes = sizes[:placed]
    tables.offsets = chunks[chunk_of] + before[:placed] - before[starts[chunk_of]] if placed else sizes[:0]


def handler_of(stream: BinaryIO, trak: Box, limit: int) -> str:
    """What a track holds: vide, soun, text, ...; empty when it does not say."""
    mdia = first(walk(stream, trak.body, trak.payload_end(limit))[0], b"mdia")
    hdlr = first(walk(stream, mdia.body, mdia.payload_end(limit))[0], b"hdlr") if mdia else None
    if hdlr is None:
        return ""
    stream.seek(hdlr.body + 8)
    return stream.read(4).decode("latin-1")
