"""Reads the timed metadata tracks of an MP4: which formats there are, and each sample with its time."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from dashtools.backends.boxes import Box, descend, first, walk
from dashtools.backends.sample_tables import handler_of, read_tables

MAX_TRACKS = 64
MAX_SAMPLES = 200_000
MAX_SAMPLE_BYTES = 4 << 20
METADATA_HANDLERS = ("meta", "text", "sbtl", "subt", "camm", "data", "GPS ", "gps ", "tvxt")


@dataclass(frozen=True)
class Sample:
    """One sample's bytes with the time that stts gives it; `offset` is its place in the file."""

    t_ms: float
    duration_ms: float
    offset: int
    text: bytes


@dataclass(frozen=True)
class MetadataTrack:
    """A track that is neither picture nor sound: its sample format (gpmd, camm, ssmd, text, ...)."""

    format: str
    handler: str
    trak: Box
    stbl: Box


def metadata_tracks(stream: BinaryIO, size_bytes: int) -> list[MetadataTrack]:
    """The metadata tracks of a file, in its order; none for anything that is no MP4."""
    return _tracks(stream, size_bytes, METADATA_HANDLERS)


def _tracks(stream: BinaryIO, size_bytes: int, handlers: Sequence[str]) -> list[MetadataTrack]:
    moov = first(walk(stream, 0, size_bytes)[0], b"moov")
    if moov is None:
        return []
    found: list[MetadataTrack] = []
    for trak in [box for box in walk(stream, moov.body, moov.payload_end(size_bytes))[0] if box.type == b"trak"]:
        handler = handler_of(stream, trak, size_bytes)
        stbl = descend(stream, trak, size_bytes, b"mdia", b"minf", b"stbl")
        if stbl is None or handler not in handlers or len(found) >= MAX_TRACKS:
            continue
        stsd = first(walk(stream, stbl.body, stbl.payload_end(size_bytes))[0], b"stsd")
        stream.seek(stsd.body + 12 if stsd else size_bytes)
        found.append(MetadataTrack(stream.read(4).decode("latin-1"), handler, trak, stbl))
    return found


def video_track(stream: BinaryIO, size_bytes: int) -> MetadataTrack | None:
    """The first track of pictures, in the same form."""
    return next(iter(_tracks(stream, size_bytes, ("vide",))), None)


@dataclass(frozen=True)
class Place:
    """Where and when a sample is."""

    t_ms: float
    duration_ms: float
    offset: int
    size_bytes: int


def places(stream: BinaryIO, track: MetadataTrack, size_bytes: int) -> Iterator[Place]:
    """Each sample that lies in the file, unread, in the track's order; times from its stts and mdhd."""
    tables = read_tables(stream, track.stbl, size_bytes)
    scale = _timescale(stream, track.trak, size_bytes)
    starts, durations = _times(stream, track.stbl, size_bytes, len(tables.offsets))
    for offset, size, start, duration in zip(tables.offsets, tables.sizes, starts, durations):
        if size > 0 and offset >= 0 and offset + size <= size_bytes:
            yield Place(1000 * start / scale, 1000 * duration / scale, int(offset), int(size))


def samples(stream: BinaryIO, track: MetadataTrack, size_bytes: int) -> Iterator[Sample]:
    """Each sample that lies in the file, read, in the track's order."""
    for place in places(stream, track, size_bytes):
        if place.size_bytes <= MAX_SAMPLE_BYTES:
            stream.seek(place.offset)
            yield Sample(place.t_ms, place.duration_ms, place.offset, stream.read(place.size_bytes))


def _timescale(stream: BinaryIO, trak: Box, limit: int) -> int:
    mdhd = descend(stream, trak, limit, b"mdia", b"mdhd")
    stream.seek(mdhd.body if mdhd else limit)
    head = stream.read(24)
    if len(head) < 24:
        return 1000
    return int(struct.unpack_from(">I", head, 20 if head[0] == 1 else 12)[0]) or 1000


def _times(stream: BinaryIO, stbl: Box, limit: int, count: int) -> tuple[list[int], list[int]]:
    """Start and duration of each sample in ticks; samples beyond stts get what the last one has."""
    count = min(count, MAX_SAMPLES)
    stts = first(walk(stream, stbl.body, stbl.payload_end(limit))[0], b"stts")
    stream.seek(stts.body if stts else limit)
    head = stream.read(8)
    wanted = min(struct.unpack_from(">I", head, 4)[0], MAX_SAMPLES) if len(head) == 8 else 0
    table = np.frombuffer(_whole(stream.read(8 * wanted)), ">u4").astype(np.int64).reshape(-1, 2)
    runs = np.minimum(table[:, 0], count)
    durations = np.repeat(table[:, 1], runs)[:count]
    if len(durations) < count:
        durations = np.pad(durations, (0, count - len(durations)), mode="edge" if len(durations) else "constant")
    starts = np.cumsum(durations) - durations
    return starts.tolist(), durations.tolist()


def _whole(table: bytes) -> bytes:
    return table[: len(table) // 8 * 8]
