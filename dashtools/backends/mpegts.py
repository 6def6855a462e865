"""Recognises MPEG transport streams (ISO/IEC 13818-1, 2.4.3.2) and tells how much of one is in step."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from dashtools.errors import UnreadableClip
from dashtools.ports import ContainerReport

SYNC = 0x47
STRIDES = (188, 192, 204)  # plain; M2TS with a 4-byte time; with Reed-Solomon parity
LOOKS = 64
SEARCHED_BYTES = 1 << 16  # how far from its start a stream may begin
LOST_AFTER = 5  # packets out of step in a row, before step is looked for anew
REORDER = 16  # pictures whose order in the file may differ from that on screen
BOX_OPENINGS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof")
WRAP_MS = (1 << 33) // 90
MAX_PICTURES = 1_000_000  # 4 hours at 60 frames a second
PACKETS_AT_ONCE = 20_000  # 3.8 MB


def find_sync(head: bytes, *, packets: int = 5) -> tuple[int, int] | None:
    """Offset of the first sync byte and the stride, where `packets` in a row agree; None for anything else.

    What lies before may be anything: a torn packet, zeros, another file's end.

    >>> find_sync(b"?" + (b"\\x47" + bytes(187)) * 5)
    (1, 188)
    """
    is_sync = np.frombuffer(head, np.uint8) == SYNC
    found = []
    for stride in STRIDES:
        needed = min(packets, len(head) // stride)
        starts = len(head) - stride * (needed - 1)
        if needed < packets:
            starts = min(starts, stride)  # two or three that agree are chance if there are many to choose from
        if needed < 2:
            continue
        agree = np.logical_and.reduce([is_sync[k * stride : k * stride + starts] for k in range(needed)])
        if agree.any():
            found.append((int(agree.argmax()), stride))
    return min(found, default=None)


def is_transport_stream(stream: BinaryIO) -> bool:
    """Are there packets in step near a file's start, and no box? A run of GPS blocks can look in step too."""
    stream.seek(0)
    head = stream.read(SEARCHED_BYTES)
    return head[4:8] not in BOX_OPENINGS and find_sync(head) is not None


def picture_times(offsets: Sequence[int], pictures: Sequence[tuple[int, int]]) -> list[int] | None:
    """Video time in ms at each file offset, from the pictures before it; None where pictures have no clock."""
    if len(pictures) < 2:
        return None
    first_ms = min(pts_ms for _, pts_ms in pictures[:REORDER])
    latest = list(itertools.accumulate((pts_ms - first_ms for _, pts_ms in pictures), max))
    places = [offset for offset, _ in pictures]
    return [latest[max(0, bisect_right(places, offset) - 1)] for offset in offsets]


def check_transport_stream(stream: BinaryIO, size_bytes: int, name: str) -> ContainerReport:
    """A report that samples the stream at 64 places."""
    stream.seek(0)
    found = find_sync(stream.read(SEARCHED_BYTES))
    if found is None:
        raise UnreadableClip(name, f"no MPEG-TS packet in the first {SEARCHED_BYTES} bytes; original kept")
    offset, stride = found
    findings = [f"{offset} bytes at byte 0 are no packet: the stream begins behind them"] if offset >= stride else []
    places = _spread((size_bytes - offset) // stride)
    lost, slipped, phase = [], [], offset
    for k in places:
        at = phase + k * stride
        if _byte(stream, at) == SYNC:
            continue
        slip = _slip(stream, at, stride)
        if slip is None:
            lost.append(at)
        else:
            slipped.append(at)
            phase += slip
    if lost:
        share = len(lost) / len(places)
        findings.append(f"about {share:.0%} of the packets are out of step, first seen at byte {lost[0]}")
    if slipped:
        findings.append(f"bytes are missing or too many before byte {slipped[0]}: packets begin elsewhere from there")
    time_bytes = 4 if stride == 192 else 0  # M2TS puts its time before the sync byte
    rest = (size_bytes - phase + time_bytes) % stride
    if rest:
        findings.append(f"the last packet, at byte {size_bytes - rest}, is cut: {rest} of {stride} bytes")
    return ContainerReport("mpeg-ts", tuple(findings))


def _spread(packets: int) -> list[int]:
    return sorted({packets * k // LOOKS for k in range(LOOKS)}) if packets else []


def _byte(stream: BinaryIO, at: int) -> int | None:
    stream.seek(at)
    text = stream.read(1)
    return text[0] if text else None


def _slip(stream: BinaryIO, at: int, stride: int) -> int | None:
    """How many bytes later the packets begin there; None where there are none."""
    stream.seek(at)
    found = find_sync(stream.read(stride * (LOST_AFTER + 1)))
    return found[0] if found is not None and found[1] == stride and found[0] < stride else None


def private_payloads(
    stream: BinaryIO, *, wanted_bytes: int = 256, pictures: list[tuple[int, int]] | None = None
) -> Iterator[tuple[int, bytes]]:
    """(file offset, first bytes) of each private_stream_2 PES packet (stream_id 0xBF, 2.4.3.7), in file order.

    Reads the stream once, in pieces of a few megabytes; a payload that breaks off is given as far as it goes.
    `pictures` is filled with (file offset, pts in ms) of the video's PES packets, unwrapped at 33 bits.
    """
    stream.seek(0)
    found = find_sync(stream.read(SEARCHED_BYTES))
    if found is None:
        return
    offset, stride = found
    open_pids: dict[int, tuple[int, bytearray, int]] = {}
    for at, packet in _packets(stream, offset, stride, pictures):
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        payload = _payload(packet)
        if packet[1] & 0x40:
            if pid in open_pids:
                start, text, wanted = open_pids.pop(pid)
                yield start, bytes(text[:wanted])
            if payload[:4] == b"\x00\x00\x01\xbf" and len(payload) >= 6:
                wanted = min(wanted_bytes, int.from_bytes(payload[4:6], "big"))
                open_pids[pid] = (at, bytearray(payload[6:]), wanted)
        elif pid in open_pids:
            open_pids[pid][1].extend(payload)
        if pid in open_pids and len(open_pids[pid][1]) >= open_pids[pid][2]:
            start, text, wanted = open_pids.pop(pid)
            yield start, bytes(text[:wanted])
    yield from sorted((start, bytes(text[:wanted])) for start, text, wanted in open_pids.values())


def _packets(
    stream: BinaryIO, offset: int, stride: int, pictures: list[tuple[int, int]] | None
) -> Iterator[tuple[int, bytes]]:
    """(offset, 188 bytes) of the packets that may matter: those that start a private PES, and what follows on
    the same PID; found with numpy, because a minute of video is 300,000 packets."""
    watched: set[int] = set()
    at = offset
    while True:
        stream.seek(at)
        text = stream.read(stride * PACKETS_AT_ONCE)
        count = (len(text) + stride - 188) // stride if len(text) >= 188 else 0
        if count == 0:
            return
        rows = np.frombuffer(text.ljust(count * stride, b"\0"), np.uint8)[: count * stride].reshape(count, stride)
        pids = (rows[:, 1].astype(np.int32) & 0x1F) << 8 | rows[:, 2]
        in_step = rows[:, 0] == SYNC
        if (lost := _first_lost(in_step)) is not None:
            rows, pids, in_step = rows[:lost], pids[:lost], in_step[:lost]
        starts = in_step & (rows[:, 1] & 0x40 > 0)
        for k in np.flatnonzero(starts):
            payload = _payload(rows[k, :188].tobytes())
            if payload[:4] == b"\x00\x00\x01\xbf":
                watched.add(int(pids[k]))
            elif (
                pictures is not None
                and len(payload) >= 14
                and payload[:3] == b"\x00\x00\x01"
                and 0xE0 <= payload[3] <= 0xEF
            ):
                _note_picture(pictures, at + int(k) * stride, payload)
        for k in np.flatnonzero(in_step & np.isin(pids, sorted(watched))):
            yield at + int(k) * stride, rows[k, :188].tobytes()
        at += count * stride if lost is None else lost * stride + _to_next(text[lost * stride :], stride)


def _first_lost(in_step: NDArray[np.bool_]) -> int | None:
    """The first of several packets in a row that are out of step."""
    runs = np.lib.stride_tricks.sliding_window_view(~in_step, LOST_AFTER) if len(in_step) >= LOST_AFTER else ~in_step
    lost = runs.reshape(len(runs), -1).all(axis=1) if len(runs) else runs
    return int(lost.argmax()) if lost.any() else None


def _to_next(text: bytes, stride: int) -> int:
    """How far it is to the next packets in step; past what was read where there are none."""
    found = find_sync(text)
    if found is not None and found[1] == stride:
        return found[0]
    return max(len(text) - stride * LOST_AFTER, stride)


def _note_picture(pictures: list[tuple[int, int]], offset: int, payload: bytes) -> None:
    """Adds the presentation time of a PES header, where it has one (2.4.3.6)."""
    if not payload[7] & 0x80 or len(pictures) >= MAX_PICTURES:
        return
    head = payload[9:14]
    ticks = (head[0] >> 1 & 7) << 30 | head[1] << 22 | (head[2] >> 1) << 15 | head[3] << 7 | head[4] >> 1
    pts_ms = round(ticks / 90)
    if pictures and pictures[0][1] - pts_ms > WRAP_MS // 2:
        pts_ms += WRAP_MS
    pictures.append((offset, pts_ms))


def _payload(packet: bytes) -> bytes:
    """What a packet carries behind its header and adaptation field (2.4.3.3)."""
    if not packet[3] & 0x10:
        return b""
    start = 5 + packet[4] if packet[3] & 0x20 else 4
    return packet[start:188]
