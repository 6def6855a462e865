"""Reads the GPS slots of Novatek-based cameras (Viofo and many more): MP4 index `moov/gps `, MPEG-TS private PES.

Void slots keep their place: which second of the clip a fix belongs to is known from its slot, and a
tool that drops or renumbers them shifts the whole track.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from dashtools.backends.boxes import first, walk
from dashtools.backends.mpegts import is_transport_stream, picture_times, private_payloads
from dashtools.backends.novatek_record import BLANK, Slot, decode_block, decode_record
from dashtools.model import Fix, Track
from dashtools.ports import ClipFacts
from dashtools.times import from_text

MAX_SLOTS = 100_000
BLOCK_HEAD_BYTES = 0x200
MIN_SPAN_SLOTS = 5  # shorter spans of whole seconds say little about an interval
MAX_INTERVAL_ERROR = 0.25
MAX_INTERVAL_S = 10
WHOLE_SLACK_S = 1.0  # a stamp may be doubled and the next one missing
MAX_STRAYS = 0.1  # share
TS_PREFIX_BYTES = 164  # Blueskysea B4K puts its record behind a fixed head
BLOCK_MARK = b"freeGPS "
SCAN_BYTES = 4 << 20
NO_FIX = "the receiver never had a fix"
SEALED_PLACES = "the positions are in a cipher of the maker's (Akaso V1, Redtiger F7N) that nobody can read"
UNREAD = (
    "{count} freeGPS blocks are of a layout that no reader here knows: `dc-doctor camera` describes it for a report"
)
LOCAL_TIME = "the stamps are the camera's local time"


class NovatekGps:
    """Every slot of a Novatek recording, its time from its place among the slots; see ports.GpsReader."""

    name = "novatek"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when the clip holds no record of this layout."""
        with path.open("rb") as stream:
            size_bytes = stream.seek(0, 2)
            if is_transport_stream(stream):
                slots, clock = _ts_slots(stream)
                return None if _is_foreign(slots) else _track(slots, _by_picture(slots, clock, facts.duration_s))
            slots = list(_slots_at(stream, size_bytes, [offset for offset, _ in _index(stream, size_bytes)]))
        return None if _is_foreign(slots) else _track(slots, _timed(slots, facts.duration_s))


class NovatekScanGps:
    """Every slot of `freeGPS ` blocks that no index names, found by reading the whole file; see ports.GpsReader."""

    name = "novatek"

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """The track, or None when the clip has an index, is a transport stream, or has no such block."""
        with path.open("rb") as stream:
            size_bytes = stream.seek(0, 2)
            if is_transport_stream(stream) or _index(stream, size_bytes):
                return None
            slots = list(_slots_at(stream, size_bytes, _block_offsets(stream)))
        return None if _is_foreign(slots) else _track(slots, _timed(slots, facts.duration_s))


class UnreadBlocksGps:
    """No track, but the reason: there are blocks, and nobody knows their layout; see ports.GpsReader."""

    name = "none"
    is_fallback = True

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """A track without slots that says so, or None when no index names such a block."""
        with path.open("rb") as stream:
            size_bytes = stream.seek(0, 2)
            slots = list(_slots_at(stream, size_bytes, [offset for offset, _ in _index(stream, size_bytes)]))
        unread = sum(slot.kind == "other" for slot in slots)
        return Track(self.name, note=UNREAD.format(count=unread)) if unread else None


def _is_foreign(slots: Sequence[Slot]) -> bool:
    """No record among them, and not just blank ones either."""
    if any(slot.kind in ("record", "sealed") for slot in slots):
        return False
    return not slots or any(slot.kind == "other" for slot in slots)


def _track(slots: Sequence[Slot], fixes: Iterable[Fix]) -> Track:
    layouts = Counter(slot.layout for slot in slots if slot.kind == "record")
    return Track(layouts.most_common(1)[0][0] if layouts else "novatek", tuple(fixes), note=_note(slots))


def _note(slots: Sequence[Slot]) -> str | None:
    said = []
    if not any(slot.fix.is_valid for slot in slots):
        is_sealed = any(slot.kind == "sealed" for slot in slots)
        said.append(SEALED_PLACES if is_sealed else f"{NO_FIX}: all {len(slots)} slots are void")
    if any(slot.is_local_time for slot in slots):
        said.append(LOCAL_TIME)
    return "; ".join(said) or None


def _timed(slots: Sequence[Slot], duration_s: float) -> Iterator[Fix]:
    """Slots at the interval that the receiver's stamps show, from the first second; spread evenly where they do not.

    A clip cut short keeps all its slots, and a last slot may or may not fit in: the duration alone misleads.
    """
    step_ms = 1000 * duration_s / len(slots) if duration_s > 0 else 1000.0
    step_ms = _stated_ms(slots, step_ms) or step_ms
    for number, slot in enumerate(slots):
        yield replace(slot.fix, t_ms=round(number * step_ms))


def _stated_ms(slots: Sequence[Slot], spread_ms: float) -> float | None:
    """The interval by the stamps: whole seconds where nearly all keep to them, else only one far from `spread_ms`."""
    stamped = [(k, from_text(slot.fix.utc or "").timestamp()) for k, slot in enumerate(slots) if _is_stamped(slot)]
    if not stamped or stamped[-1][0] - stamped[0][0] < MIN_SPAN_SLOTS:
        return None
    (first_number, first_s), (last_number, last_s) = stamped[0], stamped[-1]
    interval_s = (last_s - first_s) / (last_number - first_number)
    whole_s = round(interval_s)
    strays = [abs(at_s - first_s - whole_s * (k - first_number)) > WHOLE_SLACK_S for k, at_s in stamped]
    if 1 <= whole_s <= MAX_INTERVAL_S and sum(strays) <= MAX_STRAYS * len(strays):
        return 1000.0 * whole_s
    is_far = 0 < interval_s <= MAX_INTERVAL_S and abs(spread_ms / (1000 * interval_s) - 1) > MAX_INTERVAL_ERROR
    return 1000 * interval_s if is_far else None


def _is_stamped(slot: Slot) -> bool:
    return slot.fix.is_valid and slot.fix.utc is not None


def _block_offsets(stream: BinaryIO) -> Iterator[int]:
    """Where blocks begin, four bytes ahead of each mark, in file order; reads the file once in pieces."""
    stream.seek(0)
    at, rest, count = 0, b"", 0
    while piece := stream.read(SCAN_BYTES):
        text = rest + piece
        found = text.find(BLOCK_MARK)
        while found >= 0 and count < MAX_SLOTS:
            yield max(0, at + found - 4)
            count += 1
            found = text.find(BLOCK_MARK, found + 1)
        keep = len(BLOCK_MARK) - 1
        at, rest = at + len(text) - keep, text[-keep:]
        stream.seek(at + keep)


def _slots_at(stream: BinaryIO, size_bytes: int, offsets: Iterable[int]) -> Iterator[Slot]:
    for offset in offsets:
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
    room = max(0, gps.payload_end(size_bytes) - gps.body - 8) // 8
    table = stream.read(8 * min(struct.unpack_from(">I", head, 4)[0], room, MAX_SLOTS))
    entries = list(struct.iter_unpack(">II", table[: len(table) // 8 * 8]))
    while entries and entries[-1] == (0, 0):
        entries.pop()
    return entries


def _ts_slots(stream: BinaryIO) -> tuple[list[Slot], list[tuple[int, int]]]:
    """The slots of a transport stream, and (file offset, pts in ms) of its pictures."""
    slots: list[Slot] = []
    clock: list[tuple[int, int]] = []
    for offset, payload in private_payloads(stream, pictures=clock):
        slot = decode_record(payload) or decode_record(payload[TS_PREFIX_BYTES:])
        if slot is None:
            slot = BLANK if not payload.strip(b"\0") else replace(BLANK, kind="other")
        slots.append(replace(slot, fix=replace(slot.fix, offset=offset)))
        if len(slots) >= MAX_SLOTS:
            break
    return slots, clock


def _by_picture(slots: Sequence[Slot], clock: Sequence[tuple[int, int]], duration_s: float) -> list[Fix]:
    """Each slot at the time of the pictures beside it in the file; by its number where the pictures have no clock."""
    times = picture_times([slot.fix.offset or 0 for slot in slots], clock)
    if times is None:
        return list(_timed(slots, duration_s))
    return [replace(slot.fix, t_ms=t_ms) for slot, t_ms in zip(slots, times)]
