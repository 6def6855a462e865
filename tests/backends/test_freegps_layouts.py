"""Other cameras' layouts of freeGPS blocks, and blocks that no index names."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtools.backends.freegps_layouts import decode_other
from dashtools.backends.gps_novatek import NovatekGps, NovatekScanGps
from dashtools.backends.novatek_record import decode_block
from dashtools.ports import ClipFacts

FACTS = ClipFacts(1920, 1080, "h264", 3.0, 30.0, None, 0, False)


def block(*parts: tuple[int, bytes], size: int = 0x100) -> bytes:
    out = bytearray(size)
    struct.pack_into(">I8sI", out, 0, 0x8000, b"freeGPS ", 0x4C000000)
    for at, content in parts:
        out[at : at + len(content)] = content
    return bytes(out)


def azdome(text: bytes = b"20240715133005" + b"\0" + b"LABEL0000000000" + b"N51305000" + b"W007302500" + b"00000036"):
    return block((0x12, bytes(byte ^ 0xAA for byte in (b"12345678" + text).ljust(110, b"\0"))))


def mai(latitude: int = 511513400, longitude: int = -64754000, state: bytes = b"A") -> bytes:
    return block((0x1E, state + struct.pack("<2i", latitude, longitude)), (0x33, b"VV"))


def n4(state: bytes = b"A") -> bytes:
    clock, date = struct.pack("<3I", 13, 30, 5), struct.pack("<3I", 24, 7, 15)
    place = struct.pack("<d8sd8s2d", 5130.5, b"S", 730.25, b"E", 10.0, 90.0)
    return block((0x10, clock), (0x1C, state), (0x20, place), (0x50, date))


def s1() -> bytes:
    clock = struct.pack("<6I", 24, 7, 15, 13, 30, 5)
    return block((0x40, b"ANW\0" + clock), (0x5C, struct.pack("<5f", 730.25, 5130.5, 10.0, 90.0, 33.0)))


CASES = {
    "azdome": (azdome(), "azdome", 51.508333, -7.504167, "2024-07-15T13:30:05Z"),
    "70mai A810": (mai(), "70mai", 51.15134, -6.4754, None),
    "vantrue N4": (n4(), "vantrue", -51.508333, 7.504167, "2024-07-15T13:30:05Z"),
    "vantrue S1": (s1(), "vantrue", 51.508333, -7.504167, "2024-07-15T13:30:05Z"),
}


@pytest.mark.parametrize(("content", "layout", "latitude", "longitude", "utc"), CASES.values(), ids=CASES)
def test_each_layout_gives_its_position(content, layout, latitude, longitude, utc):
    slot = decode_block(content)
    assert (slot.kind, slot.layout, slot.fix.utc) == ("record", layout, utc)
    assert slot.fix.latitude == pytest.approx(latitude, abs=1e-6)
    assert slot.fix.longitude == pytest.approx(longitude, abs=1e-6)


@pytest.mark.parametrize(
    "content", [mai(state=b"V"), n4(b"V"), mai(latitude=1_900_000_000)], ids=["70mai", "n4", "range"]
)
def test_a_receiver_without_a_fix_or_out_of_range_gives_a_void_slot(content):
    slot = decode_block(content)
    assert slot.kind == "record" and not slot.fix.is_valid and slot.fix.latitude is None


@given(st.binary(max_size=160))
def test_no_block_crashes_a_layout_or_gives_an_impossible_position(content):
    other = decode_other(content)
    assert other is None or not other[1].is_valid or (abs(other[1].latitude) <= 90 and abs(other[1].longitude) <= 180)


def test_blocks_that_no_index_names_are_found_in_order(tmp_path):
    path = tmp_path / "clip.mp4"
    blocks = [n4(), n4(b"V"), n4()]
    body = b"".join(bytes(5_000_000 * k) + part for k, part in enumerate(blocks))
    path.write_bytes(struct.pack(">I4s", len(body) + 8, b"mdat") + body)
    assert NovatekGps().read(path, FACTS) is None
    track = NovatekScanGps().read(path, FACTS)
    assert [fix.is_valid for fix in track.fixes] == [True, False, True]
    assert [fix.t_ms for fix in track.fixes] == [0, 1000, 2000]
    assert [fix.offset for fix in track.fixes] == [8, 8 + 256 + 5_000_000, 8 + 512 + 15_000_000]


@pytest.mark.parametrize("lead", range(-12, 13, 3))
def test_a_mark_across_two_pieces_of_the_scan_is_found_once(tmp_path, lead):
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes((4 << 20) - 4 + lead) + n4())
    assert len(NovatekScanGps().read(path, FACTS).fixes) == 1


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "reader", "valid", "slots"),
    [
        ("gps/2e-drive-730.mp4", NovatekScanGps(), 3, 3),
        ("gps/viofo-a119-mini2-coldstart.mp4", NovatekScanGps(), 4, 8),
        ("gps/70mai-embedded__real-anonymized.mp4", NovatekGps(), 12, 12),
    ],
    ids=["2e drive", "viofo mini 2", "70mai A810"],
)
def test_blocks_of_real_cameras_are_read(realdata, name, reader, valid, slots):
    fixes = reader.read(realdata / name, FACTS).fixes
    assert (sum(fix.is_valid for fix in fixes), len(fixes)) == (valid, slots)
    assert all(50.0 <= fix.latitude < 50.01 and abs(fix.longitude - 30.0) < 0.01 for fix in fixes if fix.is_valid)
