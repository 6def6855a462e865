"""Recognises MPEG transport streams (ISO/IEC 13818-1, 2.4.3.2) and tells how much of one is in step."""

from __future__ import annotations

from typing import BinaryIO

from dashtools.errors import UnreadableClip
from dashtools.ports import ContainerReport

SYNC = 0x47
STRIDES = (188, 192, 204)  # plain; M2TS with a 4-byte time; with Reed-Solomon parity
LOOKS = 64


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
