"""Reads the GPS slots of Novatek-based cameras (Viofo and many more): MP4 index `moov/gps `, MPEG-TS private PES.

Void slots keep their place: which second of the clip a fix belongs to is known from its slot, and a
tool that drops or renumbers them shifts the whole track.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from dashtools.backends.boxes import first, walk
from dashtools.backends.mpegts import find_sync, private_payloads
from dashtools.backends.novatek_record import BLANK, Slot, decode_block, decode_record
from dashtools.model import Fix, Track
from dashtools.ports import ClipFacts
from dashtools.times import from_text

MAX_SLOTS = 100_000
BLOCK_HEAD_BYTES = 0x80
MIN_SPAN_SLOTS = 5  # shorter spans of whole seconds say little about an interval
MAX_INTERVAL_ERROR = 0.25
TS_PREFIX_BYTES = 164  # Blueskysea B4K puts its record behind a fixed head
NO_FIX = "the receiver never had a fix"
LOCAL_TIME = "the stamps are the camera's local time"


class NovatekGps:
    """Every slot of a Novatek recording, its time from its place among the slots; see ports.GpsReader."""

    name = "novatek"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when the clip holds no record of this layout."""
        with path.open("rb") as stream:
            size_bytes = stream.seek(0, 2)
            stream.seek(0)
            is_transport = find_sync(stream.read(4096)) is not None
            slots = list(_ts_slots(stream) if is_transport else _mp4_slots(stream, size_bytes))
        if not any(slot.kind == "record" for slot in slots) and (
            not slots or any(slot.kind == "other" for slot in slots)
        ):
            return None
        return Track(self.name, tuple(_timed(slots, facts.duration_s)), note=_note(slots))


def _note(slots: Sequence[Slot]) -> str | None:
    said = []
    if not any(slot.fix.is_valid for slot in slots):
        said.append(f"{NO_FIX}: all {len(slots)} slots are void")
    if any(slot.is_local_time for slot in slots):
        said.append(LOCAL_TIME)
    return "; ".join(said) or None


def _timed(slots: Sequence[Slot], duration_s: float) -> Iterator[Fix]:
    """Slots spread evenly over the clip: the camera writes one at a fixed interval, from the first second.

    Where the receiver's stamps contradict that (a clip cut short keeps all its slots), their interval counts.
    """
    step_ms = 1000 * duration_s / len(slots) if duration_s > 0 else 1000.0
    stamped = [(number, slot.fix.utc) for number, slot in enumerate(slots) if slot.fix.is_valid and slot.fix.utc]
    if stamped and stamped[-1][0] - stamped[0][0] >= MIN_SPAN_SLOTS:
        (first_number, first_utc), (last_number, last_utc) = stamped[0], stamped[-1]
        span_s = (from_text(last_utc) - from_text(first_utc)).total_seconds()
        stated_ms = 1000 * span_s / (last_number - first_number)
        if stated_ms > 0 and abs(step_ms / stated_ms - 1) > MAX_INTERVAL_ERROR and stated_ms <= 10_000:
            step_ms = stated_ms
    for number, slot in enumerate(slots):
        yield replace(slot.fix, t_ms=round(number * step_ms))


def _mp4_slots(stream: BinaryIO, size_bytes: int) -> Iterator[Slot]:
    for offset, _ in _index(stream, size_bytes):
        stream.seek(min(offset, size_bytes))
        block = stream.read(BLOCK_HEAD_BYTES)
        slot = decode_block(block) if block[4:12] == b"freeGPS " else BLANK
        yield replace(slot, fix=replace(slot.fix, offset=offset))


def _index(stream: BinaryIO, size_bytes: int) -> list[tuple[int, int]]:
    """(file offset, block size) of each slot; unused entries at the end are left out."""
    moov = first(walk(stream, 0, size_bytes)[0], b"moov")
    gps = first(walk(stream, moov.body, moov.payload_end(size_bytes))[0], b"gps ") if moov else None
    if gps is None:
        return []
    stream.seek(gps.body)
    head = stream.read(8)
    if len(head) < 8:
        return []
    room = (gps.payload_end(size_bytes) - gps.body - 8) // 8
    table = stream.read(8 * min(struct.unpack_from(">I", head, 4)[0], room, MAX_SLOTS))
    entries = list(struct.iter_unpack(">II", table[: len(table) // 8 * 8]))
    while entries and entries[-1] == (0, 0):
        entries.pop()
    return entries


def _ts_slots(stream: BinaryIO) -> Iterator[Slot]:
    for count, (offset, payload) in enumerate(private_payloads(stream)):
        if count >= MAX_SLOTS:
            return
        slot = decode_record(payload) or decode_record(payload[TS_PREFIX_BYTES:])
        if slot is None:
            slot = BLANK if not payload.strip(b"\0") else replace(BLANK, kind="other")
        yield replace(slot, fix=replace(slot.fix, offset=offset))
