"""LigoGPS text: behind the clip, in MPEG-TS, with its digits replaced."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashtools.backends.gps_ligo import LigoGps, parse
from dashtools.ports import ClipFacts

FACTS = ClipFacts(1920, 1080, "h264", 60.0, 30.0, None, 0, False)
TABLE = str.maketrans("0123456789:", ";<=>?@ABCDE")


def line(second: int, place: str = "N:48.100158 W:002.100158") -> bytes:
    text = f"2026/08/03 11:37:{second:02d} {place} 36.0 km/h x:0.00 y:0.00 z:0.00 A:234.0 H:165.0 M:0.0"
    return b"####" + bytes(4) + text.encode().ljust(124, b"\0")


def with_trailer(*lines: bytes) -> bytes:
    boxes = struct.pack(">I4s4x", 12, b"ftyp") + struct.pack(">I4s", 8, b"mdat")
    return boxes + bytes(64) + b"LIGOGPSINFO\0" + bytes(8) + b"".join(lines)


@pytest.fixture
def read(tmp_path):
    def go(content: bytes):
        path = tmp_path / "a.mp4"
        path.write_bytes(content)
        return LigoGps().read(path, FACTS)

    return go


def test_records_behind_the_clip_are_slots_with_the_cameras_spacing(read):
    track = read(with_trailer(line(31), line(32, "N:00.000000 W:000.000000"), line(34)))
    assert [(fix.t_ms, fix.is_valid) for fix in track.fixes] == [(0, True), (1000, False), (3000, True)]
    fix = track.fixes[0]
    assert (fix.latitude, fix.longitude, fix.speed_mps) == (48.100158, -2.100158, 10.0)
    assert (fix.bearing_deg, fix.altitude_m, fix.utc) == (234.0, 165.0, None)
    assert "local time" in track.note


def ciphered(south: str, west: str = "") -> bytes:
    texts = [f"2024/06/27 12:34:{k:02d} N:{south}31.285065 W:{west}124.759483 20.5" for k in range(5, 25)]
    return b"".join(b"####" + bytes(4) + text.translate(TABLE).encode().ljust(124, b"\0") for text in texts)


def test_replaced_digits_are_learned_from_the_seconds():
    slots = parse(ciphered("-", "-"))
    assert len(slots) == 20
    assert (slots[0][1].latitude, slots[0][1].longitude) == (-31.285065, -124.759483)
    assert slots[0][1].speed_mps == pytest.approx(20.5 * 1852 / 3600)


def test_a_log_that_signs_one_angle_leaves_the_other_north_or_east():
    assert {(fix.latitude, fix.longitude) for _, fix in parse(ciphered("", "-"))} == {(31.285065, -124.759483)}
    assert {(fix.latitude, fix.longitude) for _, fix in parse(ciphered("-", ""))} == {(-31.285065, 124.759483)}


def test_replaced_letters_without_a_sign_leave_the_hemisphere_unknown_so_it_is_no_position():
    slots = parse(ciphered(""))
    assert slots and not any(fix.is_valid for _, fix in slots)


def test_a_clip_without_a_log_is_left_to_other_readers(read):
    assert read(struct.pack(">I4s4x", 12, b"ftyp") + bytes(100)) is None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=120), st.builds(line, st.integers(0, 99))), max_size=12))
def test_no_log_crashes_the_parser(parts):
    for _, fix in parse(b"".join(parts)):
        assert not fix.is_valid or abs(fix.latitude) <= 90


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "valid", "slots"),
    [
        ("gps/ligogps-trailer__real-anonymized.mp4", 180, 180),
        ("gps/juscar__real-anonymized.TS", 0, 4),
        ("gps_tiny_synthetic/QuickTime_ligogps_decipher.mov", 12, 12),
    ],
)
def test_logs_of_the_collection_are_read_whole(realdata, name, valid, slots):
    fixes = LigoGps().read(realdata / name, FACTS).fixes
    assert (sum(fix.is_valid for fix in fixes), len(fixes)) == (valid, slots)
