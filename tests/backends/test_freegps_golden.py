"""Blocks of real cameras, as ExifTool's QuickTimeStream.pl prints them, give the position that ExifTool gives."""

from __future__ import annotations

import struct

import pytest

from dashtools.backends.novatek_record import decode_block
from dashtools.model import Fix


def block(*lines: str, at: int = 0) -> bytes:
    return (bytes(at) + bytes.fromhex("".join(lines))).ljust(0x200, b"\0")


AKASO = block(
    "00008000 66726565 47505320 60000000 782e7878 00000000 00000000 00000000",
    "30303030 30000000 00000000 00000000 12000000 2f000000 19000000 41000000",
    "13b3ca44 4e000000 2992fb45 45000000 d9eeb441 ecd1d342 e4070000 01000000",
    "0c000000 01000000 05000000 00000000",
)
ANTICLOCK = block(
    "00008000 66726565 47505320 68000000 32303133 30333235 41000000 00000000",
    "41707220 20362032 3031362c 2031363a 0e000000 38000000 22000000 41000000",
    "8a632445 53000000 9fe64245 45000000 59c0043f 52b84241 14000000 0b000000",
    "19000000 06000000 05000000 f6ffffff 03000000 04000000 00000000 00000000",
)
SHIFTED = block(
    "00004000 66726565 47505320 f0010000 5a585342 4e585953 00000000 00000000",
    "00000000 00000000 00000000 00000000 00000000 00000000 00000000 34576062",
    "5d533c41 44454141 423e4040 3c513c45 4140433e 41474948 443c5e3c 40414643",
    "423e4949 4042453c 553c4547 3e454341",
)
EACHPAI = block(
    "00008000 66726565 47505320 ac000000 00000000 00000000 00000000 00000000",
    "00000000 00000000 00000000 00000000 00000000 00000000 00000000 34576062",
    "5d533c41 47454542 423e4040 403c513c 44424440 3e484643 453c5e3c 40484341",
    "423e4642 47483c67 3c403e40 423c433e 43413c40 42404642 403c3c3c 513a4746",
    "002a3635 00000000",
)
E_ACE = block(
    "00004000 66726565 47505320 f0030000 08000000 22000000 01000000 18000000",
    "08000000 10000000 414e4500 674e6969 5a384a54 74486361 3674773d 00000000",
    "68747569 5a4d4a53 73585558 374e6f3d 00000000 643bac41 e13a1d43 2b010000",
    "fdffffff 43000000 324a3731 50705548 37696866",
)
AZDOME_TEXT = (
    "0000584b5a44fefe32303138303932343232343932380c35353637475020202000000000000 34e3430343634333530 57"
    "303037303430333038303030303030303700"
)
AZDOME = block("00008000 66726565 47505320 05010000 0103")[:0x12] + bytes(
    byte ^ 0xAA for byte in bytes.fromhex(AZDOME_TEXT.replace(" ", "")).ljust(0xEE, b"\0")
)
EEEKIT = block(
    "00000400 66726565 47505320 f0030000 0103aaaa f2e1f0ee 5454989a 989a9a9f",
    "9b939b9c 9899999f a69a9a98 9a9a9f9b 939b9c98 99999ca9 e4999d9e 9f989e9b",
    "9cfd9b98 98989f9f 9a9a9381 9a9b9d9f 9a9b9b81 9a9b9e81",
)
S1 = block(
    "00008000 66726565 47505320 78000000 00000000 00000000 00000000 00000000",
    "00000000 00000000 00000000 00000000 686f7273 6f6e7465 63680000 00000000",
    "414e4500 15000000 07000000 02000000 03000000 35000000 05000000 4f744c44",
    "e277a045 89c19842 71bdac42 02ab0d43 05000000 7f000000 07010000 00000000",
)
SEALED = {
    "Akaso V1": block(
        "00008000 66726565 47505320 78000000 596e6441 6b61736f 43617200 00000000",
        "30303030 30000000 00000000 00000000 0e000000 27000000 2c000000 e3070000",
        "05000000 1d000000 414e4500 00000000 f14e3e3d 90dfca40 e350bf0b 0b31a040",
        "4bdcc841 9a79a743 34584331 4f373135 35313236 36353735 594e4453 0de7ccf9",
    ),
    "Redtiger F7N": block(
        "00004000 66726565 47505320 f0010000 0a000000 00000000 00000000 00000000",
        "01000000 b0565001 7b186845 17023f46 13000000 01000000 06000000 15000000",
        "0c000000 1c000000 414e5700 00000000 80d4264e 3611b540 74b5157b cd7bf340",
        "0ad7a33d cd4c4e43 38343741 45483136 33363038 32343537 59534b4a 01000000",
    ),
}

GOLDEN = {
    # layout, latitude, longitude, km/h, course, UTC
    "Akaso": (AKASO, "akaso", 16.3599345, 80.8378337, 22.617, 285.91, "2020-01-12T18:47:25Z"),
    "Anticlock": (ANTICLOCK, "akaso", -26.5036865, 31.3068970, 0.519, 12.17, "2020-11-25T14:56:34Z"),
    "plus sixteen, cut": (SHIFTED, "nmea block", 51.0529973, 16.5498375, 57.531 * 1.852, None, None),
    "EACHPAI": (EACHPAI, "nmea block", 42.6810583, -83.2104633, 0.03704, 3.31, "2020-06-02T17:55:22Z"),
    "E-ACE B44": (E_ACE, "e-ace", 43.7121094, 20.6945801, 39.87, 157.23, "2024-08-16T08:34:01Z"),
    "Azdome GS63H": (AZDOME, "azdome", 40.7739167, -7.0671800, 7.0, None, "2018-09-24T22:49:28Z"),
    "EEEkit": (EEEKIT, "azdome", 37.7540267, -122.4250150, 11.0, None, "2020-05-19T16:23:35Z"),
    "Vantrue S1": (S1, "vantrue", 51.5830892, 8.2969554, 141.452, 86.37, "2021-07-02T03:53:05Z"),
}


@pytest.mark.parametrize(("content", "layout", "lat", "lon", "kmh", "course", "utc"), GOLDEN.values(), ids=GOLDEN)
def test_a_real_block_gives_its_known_position(content, layout, lat, lon, kmh, course, utc):
    slot = decode_block(content)
    fix = slot.fix
    assert (slot.kind, slot.layout, fix.is_valid, fix.utc) == ("record", layout, True, utc)
    assert (fix.latitude, fix.longitude) == (pytest.approx(lat, abs=1e-6), pytest.approx(lon, abs=1e-6))
    assert fix.speed_mps * 3.6 == pytest.approx(kmh, abs=1e-2)
    assert fix.bearing_deg == (None if course is None else pytest.approx(course, abs=1e-2))


@pytest.mark.parametrize("content", SEALED.values(), ids=SEALED)
def test_places_in_a_cipher_nobody_knows_are_no_fix_and_not_a_missing_one(content):
    slot = decode_block(content)
    assert slot.kind == "sealed" and not slot.fix.is_valid


def test_the_line_of_degrees_has_no_utc_and_knots_under_the_name_of_kmh():
    line = b"normal:2024/05/22 02:54:29 N:42.382470 W:83.389570 53.6 km/h x:-0.02 y:0.99 z:0.10 A:269.2 H:245.5"
    fix = decode_block(block("00004000 66726565 47505320 f0010000")[:0x10] + line + bytes(64)).fix
    assert (fix.latitude, fix.longitude, fix.bearing_deg, fix.utc) == (42.38247, -83.38957, 269.2, None)
    assert fix.speed_mps == pytest.approx(53.6 * 1852 / 3600)


def test_an_iqs_record_holds_whole_degrees_in_integers():
    letters = {b"NE": (1, 1), b"SW": (-1, -1)}
    for sides, (north, east) in letters.items():
        record = struct.pack("<6I", 19, 5, 7, 17, 3, 29) + b"A" + sides + b"\0"
        record += struct.pack("<3i", 512_345_678, 123_456_789, 1234)
        fix = decode_block(
            block("00008000 66726565 47505320 4c000000")[:0x10]
            + b"IQS_A7_20150417\0".ljust(32, b"\0")
            + record
            + bytes(99)
        ).fix
        assert (fix.latitude, fix.longitude) == (north * 51.2345678, east * 12.3456789)
        assert (fix.speed_mps, fix.utc) == (12.34, "2017-03-29T19:05:07Z")


def test_doubles_of_a_maker_unknown_are_read_and_void_ones_are_slots():
    def made(state: bytes) -> bytes:
        clock = struct.pack("<3I", 14, 1, 2) + state.ljust(4, b"\0")
        place = struct.pack("<d8sd8s2d", 5130.5, b"S", 730.25, b"W", 10.0, 90.0)
        whole = b"20130815.01".ljust(32, b"\0") + clock + place + struct.pack("<3I", 17, 6, 10)
        return block("00008000 66726565 47505320 08010000")[:0x10] + whole + bytes(99)

    fix = decode_block(made(b"A")).fix
    assert (fix.latitude, fix.longitude) == (pytest.approx(-51.508333, abs=1e-6), pytest.approx(-7.504167, abs=1e-6))
    assert fix.utc == "2017-06-10T14:01:02Z"
    assert decode_block(made(b"V")).fix == Fix(0, False, utc="2017-06-10T14:01:02Z")
