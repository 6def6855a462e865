"""Decodes what Tesla's cameras write beside each picture: a protobuf message in H.264 SEI (firmware 2025.44 and later).

Layout: Tesla's published dashcam.proto and its own explorer. A NAL unit of type 6, payload type 5, some bytes 0x42, one
0x69, then the message: field 4 f32 speed in m/s, 11, 12 and 13 f64 latitude, longitude and heading in degrees.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from dashtools.backends.receiver import fix_at
from dashtools.model import Fix

SEI, USER_DATA = 6, 5
FILL, MARK = 0x42, 0x69
SPEED, LATITUDE, LONGITUDE, HEADING = 4, 11, 12, 13
VARINT, WIDE, COUNTED, NARROW = 0, 1, 2, 5  # protobuf's wire types
MAX_UNITS = 8


@dataclass(frozen=True)
class Message:
    """The fields of one message by number, as far as they are numbers."""

    fields: dict[int, float]

    def fix(self, t_ms: int) -> Fix:
        """Its fix; void without a possible position. proto3 leaves zeros out, so a missing speed is a standing car."""
        if LATITUDE not in self.fields or LONGITUDE not in self.fields:
            return Fix(t_ms, False)
        return fix_at(
            self.fields[LATITUDE],
            self.fields[LONGITUDE],
            t_ms=t_ms,
            speed_mps=abs(self.fields.get(SPEED, 0.0)),  # backwards it is negative
            bearing_deg=self.fields.get(HEADING, 0.0) % 360.0,
        )


def message_of(picture: bytes) -> Message | None:
    """The message ahead of a picture's slices, from the first bytes of its sample; None where there is none."""
    at = 0
    for _ in range(MAX_UNITS):
        if at + 6 > len(picture):
            return None
        size = int.from_bytes(picture[at : at + 4], "big")
        unit = picture[at + 4 : at + 4 + size]
        if unit and unit[0] & 0x1F == SEI and len(unit) == size:
            found = _message(unit)
            if found is not None:
                return found
        if unit and unit[0] & 0x1F in (1, 5):  # slices: nothing of ours follows
            return None
        at += 4 + size
    return None


def _message(unit: bytes) -> Message | None:
    start = 3
    while start < len(unit) and unit[start] == FILL:
        start += 1
    if len(unit) < 6 or unit[1] != USER_DATA or start == 3 or start >= len(unit) or unit[start] != MARK:
        return None
    # 7.3.1 of H.264: 03 after two zeros is no content, and the last byte holds the stop bit
    try:
        return Message(dict(_fields(unit[start + 1 : -1].replace(b"\0\0\3", b"\0\0"))))
    except (IndexError, struct.error):
        return None


def _fields(text: bytes) -> Iterator[tuple[int, float]]:
    at = 0
    while at < len(text):
        key, at = _varint(text, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _varint(text, at)
            yield number, float(value)
        elif wire == WIDE:
            yield number, struct.unpack_from("<d", text, at)[0]
            at += 8
        elif wire == NARROW:
            yield number, struct.unpack_from("<f", text, at)[0]
            at += 4
        elif wire == COUNTED:
            length, at = _varint(text, at)
            at += length
        else:
            return


def _varint(text: bytes, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, and where it ends."""
    value = 0
    for k in range(10):
        value |= (text[at + k] & 0x7F) << 7 * k
        if not text[at + k] & 0x80:
            return value, at + k + 1
    raise IndexError("a varint of more than ten bytes")
