"""Recognises MPEG transport streams (ISO/IEC 13818-1, 2.4.3.2) and tells how much of one is in step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from dashtools.errors import UnreadableClip
from dashtools.ports import ContainerReport

SYNC = 0x47
STRIDES = (188, 192, 204)  # plain; M2TS with a 4-byte time; with Reed-Solomon parity
LOOKS = 64
PACKETS_AT_ONCE = 20_000  # 3.8 MB


def find_sync(head: bytes, *, packets: int = 5) -> tuple[int, int] | None:
    """Offset of the first sync byte and the stride, when `packets` in a row agree; None for anything else.

    >>> find_sync((b"\\x47" + bytes(187)) * 5)
    (0, 188)
    """
    for stride in STRIDES:
        needed = min(packets, len(head) // stride)
        if needed < 2:
            continue
        for at in range(min(stride, len(head) - stride * (needed - 1))):
            if all(head[at + k * stride] == SYNC for k in range(needed)):
                return at, stride
    return None


def check_transport_stream(stream: BinaryIO, size_bytes: int, name: str) -> ContainerReport:
    """A report that samples the stream at 64 places."""
    stream.seek(0)
    found = find_sync(stream.read(4096))
    if found is None:
        raise UnreadableClip(name, "no MPEG-TS packet in the first 4096 bytes; original kept")
    offset, stride = found
    packets = (size_bytes - offset) // stride
    findings = []
    out_of_step = [k for k in _spread(packets) if _byte(stream, offset + k * stride) != SYNC]
    if out_of_step:
        share = len(out_of_step) / len(_spread(packets))
        at = offset + out_of_step[0] * stride
        findings.append(f"about {share:.0%} of the packets are out of step, first seen at byte {at}")
    time_bytes = 4 if stride == 192 else 0  # M2TS puts its time before the sync byte
    rest = (size_bytes - offset + time_bytes) % stride
    if rest:
        findings.append(f"the last packet is cut: {rest} of {stride} bytes")
    return ContainerReport("mpeg-ts", tuple(findings))


def _spread(packets: int) -> list[int]:
    return sorted({packets * k // LOOKS for k in range(LOOKS)}) if packets else []


def _byte(stream: BinaryIO, at: int) -> int | None:
    stream.seek(at)
    text = stream.read(1)
    return text[0] if text else None


def private_payloads(stream: BinaryIO, *, wanted_bytes: int = 256) -> Iterator[tuple[int, bytes]]:
    """(file offset, first bytes) of each private_stream_2 PES packet (stream_id 0xBF, 2.4.3.7), in file order.

    Reads the stream once, in pieces of a few megabytes; a payload that breaks off is given as far as it goes.
    """
    stream.seek(0)
    found = find_sync(stream.read(4096))
    if found is None:
        return
    offset, stride = found
    open_pids: dict[int, tuple[int, bytearray, int]] = {}
    for at, packet in _packets(stream, offset, stride):
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


def _packets(stream: BinaryIO, offset: int, stride: int) -> Iterator[tuple[int, bytes]]:
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
        starts = in_step & (rows[:, 1] & 0x40 > 0)
        watched.update(int(pids[k]) for k in np.flatnonzero(starts) if _starts_private(rows[k, :188].tobytes()))
        for k in np.flatnonzero(in_step & np.isin(pids, sorted(watched))):
            yield at + int(k) * stride, rows[k, :188].tobytes()
        at += count * stride


def _starts_private(packet: bytes) -> bool:
    return _payload(packet)[:4] == b"\x00\x00\x01\xbf"


def _payload(packet: bytes) -> bytes:
    """What a packet carries behind its header and adaptation field (2.4.3.3)."""
    if not packet[3] & 0x10:
        return b""
    start = 5 + packet[4] if packet[3] & 0x20 else 4
    return packet[start:188]
