"""Decodes the `freeGPS ` blocks whose content is text: plain NMEA, shifted, enciphered, or a maker's own line.

Layouts: research of ExifTool's QuickTimeStream.pl (the hex dumps in it are the golden vectors of the tests).
Offsets count from the block's size.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct

from dashtools.backends.nmea import fix_of_text
from dashtools.backends.receiver import KNOT_MPS, degrees, fix_at, utc
from dashtools.model import Fix

AZDOME = re.compile(
    rb"(\d{14}).(.{15})([NS])(\d{8})([EW])(\d{9})(?:(\d{8})|[-+]\d{4}(\d{3}))?", re.DOTALL
)  # the second form of the speed is EEEkit's, behind an altitude
CLOCK = re.compile(rb"\d{14}")
XOR = bytes(byte ^ 0xAA for byte in range(256))
SHIFTED_MARK = bytes(letter + 16 for letter in b"$GPRMC,")
SHIFT = bytes(max(0, byte - 16) if byte >= 16 else byte for byte in range(256))
XGODY = re.compile(
    rb"normal:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ([NS]):(\d+\.\d+) ([EW]):(\d+\.\d+) (\d+\.?\d*) km/h"
    rb"(?:[^\0]{0,48}? A:(\d+\.?\d*))?"
)
E_ACE_KEYS = (b"luckychip gps", *(b"customer %c%c gps" % (letter, letter) for letter in range(0x61, 0x74)))
BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,20}={0,2}\0*\Z")
DDMM = re.compile(rb"\d{1,5}\.\d+\Z")


def azdome(block: bytes) -> Fix | None:
    """Text enciphered with 0xAA from 0x12: clock, label, N DDMMmmmm, E DDDMMmmmm, km/h."""
    text = block[0x12:0x80].translate(XOR)[8:]
    clock = CLOCK.match(text)
    if clock is None:
        return None
    stamp = utc(*(int(clock[0][a:b]) for a, b in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))))
    match = AZDOME.match(text)
    if match is None:
        return None if stamp is None else Fix(0, False, utc=stamp)
    kmh = match[7] or match[8]
    return fix_at(
        degrees(int(match[4]) / 1e4, is_negative=match[3] == b"S"),
        degrees(int(match[6]) / 1e4, is_negative=match[5] == b"W"),
        speed_mps=int(kmh) / 3.6 if kmh else None,
        stamp=stamp,
    )


def nmea_block(block: bytes) -> Fix | None:
    """An RMC sentence in the block (Nextbase 512GW, Vantrue N2X), also with 16 added to each byte (EACHPAI)."""
    if block[0x3C : 0x3C + len(SHIFTED_MARK)] == SHIFTED_MARK:
        block = block[0x3C:0x90].translate(SHIFT)
    return fix_of_text(block[:0x200])


def xgody(block: bytes) -> Fix | None:
    """A line of degrees at 0x10; its clock may be local, and its speed is in knots although it says km/h."""
    match = XGODY.match(block[0x10:])
    if match is None:
        return None
    return fix_at(
        float(match[2]) * (-1 if match[1] == b"S" else 1),
        float(match[4]) * (-1 if match[3] == b"W" else 1),
        speed_mps=float(match[5]) * KNOT_MPS,
        bearing_deg=float(match[6]) if match[6] else None,
    )


def e_ace(block: bytes) -> Fix | None:
    """E-ACE B44: Novatek's clock and letters, then DDMM.MMMM as text, in RC4 under a known key, in base64."""
    fields = (block[0x2C:0x40], block[0x40:0x54])
    if len(block) < 0x5C or block[0x2B:0x2C] != b"\0" or not all(BASE64.match(field) for field in fields):
        return None
    hour, minute, second, year, month, day = struct.unpack_from("<6I", block, 0x10)
    stamp = utc(2000 + year if year < 2000 else year, month, day, hour, minute, second)
    if stamp is None or block[0x28:0x29] not in (b"A", b"V"):
        return None
    places = _deciphered(fields) if block[0x28:0x29] == b"A" else None
    if places is None:
        return Fix(0, False, utc=stamp)
    knots, course = struct.unpack_from("<2f", block, 0x54)
    return fix_at(
        degrees(places[0], is_negative=block[0x29:0x2A] == b"S"),
        degrees(places[1], is_negative=block[0x2A:0x2B] == b"W"),
        speed_mps=knots * KNOT_MPS,
        bearing_deg=course,
        stamp=stamp,
    )


def _deciphered(fields: tuple[bytes, bytes]) -> tuple[float, float] | None:
    """Both angles under the one key that makes numbers of both."""
    try:
        latitude, longitude = (base64.b64decode(field.rstrip(b"\0")) for field in fields)
    except binascii.Error:
        return None
    for key in E_ACE_KEYS:
        plain = rc4(latitude, key), rc4(longitude, key)
        if all(DDMM.match(text) for text in plain):
            return float(plain[0]), float(plain[1])
    return None


def rc4(text: bytes, key: bytes) -> bytes:
    """The bytes under the stream cipher RC4, which is its own inverse.

    >>> rc4(b"Plaintext", b"Key").hex()
    'bbf316e8d940af0ad3'
    """
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) & 0xFF
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in text:
        i = (i + 1) & 0xFF
        j = (j + state[i]) & 0xFF
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) & 0xFF])
    return bytes(out)
