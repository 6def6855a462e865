"""Novatek slots: golden records of real cameras, void slots in their place, MP4 and MPEG-TS."""

from __future__ import annotations

import csv
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashtools.backends.gps import readers
from dashtools.backends.gps_novatek import NovatekGps
from dashtools.backends.novatek_record import decode_block, decode_record
from dashtools.ports import ClipFacts
from dashtools.stages.ingest import read_track

A119V3 = bytes.fromhex(
    "05000000 2f000000 03000000 13000000 09000000 1b000000 414e5700 25d19945 f1474046 6666d241 85eb8341"
)
A119 = bytes.fromhex(
    "10000000 2d000000 14000000 11000000 0c000000 1f000000 414e4500 5d9aa945 ab1ee544 ec51f040 b85ea543"
)


def facts(duration_s: float) -> ClipFacts:
    return ClipFacts(1920, 1080, "h264", duration_s, 30.0, None, 0, False)


def record(
    second: int, *, state: bytes = b"A", lat: float = 5130.5, lon: float = 730.25, sides: bytes = b"NE"
) -> bytes:
    stamp = struct.pack("<6I", 13, 30 + second // 60, second % 60, 24, 7, 15)
    return stamp + state + sides + b"\0" + struct.pack("<4f", lat, lon, 10.0, 90.0)


def block(body: bytes, place: int) -> bytes:
    head = struct.pack(">I8sI", 0x4000, b"freeGPS ", 0x4C)
    return (head + bytes(place - 16) + body).ljust(0x100, b"\0")


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def mp4_with(blocks: list[bytes], *, spare: int = 0) -> bytes:
    """mdat with the blocks, then moov with their index and some unused entries."""
    entries = b"".join(struct.pack(">II", 8 + 256 * k, 0x4000) for k in range(len(blocks))) + bytes(8 * spare)
    index = box(b"gps ", struct.pack(">II", 0x101, len(blocks) + spare) + entries)
    return box(b"mdat", b"".join(blocks)) + box(b"moov", index)


@pytest.fixture
def read(tmp_path: Path):
    def read_clip(content: bytes, duration_s: float):
        path = tmp_path / "clip.mp4"
        path.write_bytes(content)
        return NovatekGps().read(path, facts(duration_s))

    return read_clip


GOLDEN = {
    "A119v3 in Vancouver": (A119V3, "2019-09-27T05:47:03Z", 49.369051107, -123.099755859, 48.707599, 16.49),
    "A119S in Gdynia": (A119, "2017-12-31T16:45:20Z", 54.454923503, 18.549306234, 13.908520, 330.74),
}


@pytest.mark.parametrize(("body", "utc", "lat", "lon", "kmh", "course"), GOLDEN.values(), ids=GOLDEN)
def test_a_real_cameras_record_gives_its_known_position(body, utc, lat, lon, kmh, course):
    fix = decode_record(body).fix
    assert (fix.is_valid, fix.utc) == (True, utc)
    assert (fix.latitude, fix.longitude) == (pytest.approx(lat, abs=1e-9), pytest.approx(lon, abs=1e-9))
    assert fix.speed_mps * 3.6 == pytest.approx(kmh, abs=1e-5)
    assert fix.bearing_deg == pytest.approx(course, abs=1e-4)


@pytest.mark.parametrize("place", [0x10, 0x30, 0x40])
def test_the_record_is_found_at_each_place_it_may_have(place):
    assert decode_block(block(A119, place)).fix.latitude == pytest.approx(54.454923503, abs=1e-9)


def test_south_and_west_are_negative():
    fix = decode_record(record(0, lat=3351.0, lon=15112.5, sides=b"SW")).fix
    assert (fix.latitude, fix.longitude) == (pytest.approx(-33.85), pytest.approx(-151.20833, abs=1e-5))


def test_void_slots_stay_in_their_place_and_the_first_fix_is_not_time_zero(read):
    void = [block(record(k, state=b"V", lat=0, lon=0, sides=b"\0\0"), 0x30) for k in range(6)]
    track = read(mp4_with(void + [block(record(k), 0x30) for k in range(6, 60)]), 60.0)
    assert [fix.is_valid for fix in track.fixes] == [False] * 6 + [True] * 54
    assert [fix.t_ms for fix in track.fixes] == [1000 * k for k in range(60)]
    assert track.fixes[6].utc == "2024-07-15T13:30:06Z"
    assert track.fixes[0].latitude is None


def test_a_recording_without_any_fix_says_so(read):
    track = read(mp4_with([block(bytes(44), 0x30)] * 5), 5.0)
    assert [fix.is_valid for fix in track.fixes] == [False] * 5
    assert "never had a fix: all 5 slots are void" in track.note


def test_unused_entries_at_the_end_of_the_index_are_no_slots(read):
    assert len(read(mp4_with([block(record(k), 0x10) for k in range(8)], spare=20), 8.0).fixes) == 8


def test_an_entry_that_points_nowhere_is_a_void_slot(read):
    content = bytearray(mp4_with([block(record(k), 0x10) for k in range(8)]))
    at = content.index(b"gps ") + 12 + 3 * 8
    content[at : at + 4] = b"\xff\xff\xff\xf0"
    track = read(bytes(content), 8.0)
    assert [fix.is_valid for fix in track.fixes] == [True] * 3 + [False] + [True] * 4


def test_an_entry_that_points_at_something_else_is_a_void_slot(read):
    blocks = [block(record(k), 0x10) for k in range(4)]
    blocks[2] = blocks[2].replace(b"freeGPS ", b"mdatXYZ ")
    assert [fix.is_valid for fix in read(mp4_with(blocks), 4.0).fixes] == [True, True, False, True]


def test_slots_of_a_clip_cut_short_keep_the_receivers_interval(read):
    track = read(mp4_with([block(record(k), 0x10) for k in range(60)]), 12.0)
    assert track.fixes[30].t_ms == 30_000


@pytest.mark.parametrize("count", [57, 61], ids=["some seconds too few", "one too many"])
def test_slots_that_tick_by_the_second_keep_to_it_whatever_the_duration_says(read, count):
    fixes = read(mp4_with([block(record(k), 0x30) for k in range(count)]), 60.04).fixes
    assert [fix.t_ms for fix in fixes] == [1000 * k for k in range(count)]


def test_slots_twice_a_second_are_spread_though_their_stamps_are_whole_seconds(read):
    fixes = read(mp4_with([block(record(k // 2), 0x30) for k in range(120)]), 60.0).fixes
    assert [fix.t_ms for fix in fixes] == [500 * k for k in range(120)]


def test_a_doubled_second_and_the_missing_one_after_it_move_nothing(read):
    fixes = read(mp4_with([block(record(k - (k == 30)), 0x30) for k in range(60)]), 60.0).fixes
    assert [fix.t_ms for fix in fixes] == [1000 * k for k in range(60)]


def test_another_layout_in_the_same_blocks_is_left_to_other_readers(read):
    assert read(mp4_with([block(b"\x9a" * 44, 0x12)] * 5), 5.0) is None


def test_blocks_of_a_layout_nobody_knows_are_told_and_not_passed_over_in_silence(tmp_path):
    path = tmp_path / "clip.mp4"
    big_endian = struct.pack(">6I", 13, 30, 5, 24, 7, 15) + b"ANE\0" + struct.pack(">4f", 5130.5, 730.25, 10.0, 90.0)
    path.write_bytes(mp4_with([block(big_endian, 0x10) for _ in range(9)]))
    track = read_track([reader for reader in readers() if reader.name != "exiftool"], path, facts(9.0))
    assert (track.reader, track.fixes) == ("none", ()) and track.note.startswith("9 freeGPS blocks are of a layout")


@pytest.mark.parametrize("lat", [5175.0, 9130.5, -5130.5, float("nan"), 1e9], ids=str)
def test_an_angle_that_none_can_be_is_void_and_keeps_its_time(lat):
    fix = decode_record(record(7, lat=lat)).fix
    assert (fix.is_valid, fix.latitude, fix.utc) == (False, None, "2024-07-15T13:30:07Z")


def test_a_leap_second_is_the_next_second_and_loses_no_fix():
    body = bytearray(record(0))
    struct.pack_into("<6I", body, 0, 23, 59, 60, 16, 12, 31)
    assert decode_record(bytes(body)).fix.utc == "2017-01-01T00:00:00Z"


def test_a_clip_without_an_index_is_left_to_other_readers(read):
    assert read(box(b"ftyp", b"isom") + box(b"mdat", bytes(50)) + box(b"moov", b""), 5.0) is None


def test_a_whole_year_is_local_time_and_gives_no_utc(read):
    body = struct.pack("<6I", 13, 30, 5, 2019, 7, 15) + A119[24:]
    track = read(mp4_with([block(body, 0x40)]), 1.0)
    assert track.fixes[0].is_valid and track.fixes[0].utc is None
    assert "local time" in track.note


@pytest.mark.parametrize("lat", [0.0, float("nan"), float("inf"), 1e30, -5130.0, 9900.0])
def test_an_impossible_position_is_void(lat):
    assert not decode_record(record(0, lat=lat, lon=0.0 if lat == 0 else 730.0)).fix.is_valid


def transport_stream(records: list[bytes], prefix: int) -> bytes:
    """Each record as one private PES of 1008 bytes on PID 0x300, filler packets of another PID around it."""
    out = []
    for body in records:
        pes = b"\0\0\1\xbf" + struct.pack(">H", 1008) + (bytes(prefix) + body).ljust(1008, b"\0")
        for k in range(0, len(pes), 184):
            part = pes[k : k + 184]
            pad = 184 - len(part)
            field = b"" if pad == 0 else bytes([pad - 1]) + (b"\0" + b"\xff" * (pad - 2) if pad > 1 else b"")
            flags = (0x40 if k == 0 else 0) | 0x03
            out.append(bytes([0x47, flags, 0x00, (0x30 if field else 0x10) | (k // 184 & 15)]) + field + part)
            out.append(b"\x47\x01\x00\x10" + b"\x11" * 184)
    return b"".join(out)


@pytest.mark.parametrize("prefix", [0, 164], ids=["A119V3", "Blueskysea"])
def test_slots_in_a_transport_stream_are_read_through_void_ones(read, prefix):
    void = record(0, state=b"V", lat=0, lon=0, sides=b"\0\0")
    track = read(transport_stream([void] * 3 + [record(k) for k in range(3, 10)], prefix), 10.0)
    assert [fix.is_valid for fix in track.fixes] == [False] * 3 + [True] * 7
    assert [fix.t_ms for fix in track.fixes] == [1000 * k for k in range(10)]


def test_a_record_in_one_stuffed_packet_is_read(read):
    pes = b"\0\0\1\xbf" + struct.pack(">H", 44) + record(0)
    pad = 184 - len(pes)
    head = b"\x47\x43\x00\x30" + bytes([pad - 1, 0]) + b"\xff" * (pad - 2)
    filler = (b"\x47\x01\x00\x10" + b"\x11" * 184) * 5
    assert [fix.is_valid for fix in read(filler + head + pes + filler, 1.0).fixes] == [True]


def test_private_packets_of_another_kind_are_left_to_other_readers(read):
    assert read(transport_stream([b"\x9a" * 44] * 5, 0), 5.0) is None


def test_a_transport_stream_without_private_packets_is_left_to_other_readers(read):
    assert read((b"\x47\x01\x00\x10" + b"\x11" * 184) * 50, 5.0) is None


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=160))
def test_no_block_crashes_the_reader_or_gives_an_impossible_position(content):
    fix = decode_block(content).fix
    assert not fix.is_valid or (abs(fix.latitude) <= 90 and abs(fix.longitude) <= 180)


@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, 2000), flips=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 255)), max_size=6))
def test_no_damaged_clip_crashes_the_reader(tmp_path_factory, cut, flips):
    content = bytearray(mp4_with([block(record(k), 0x10) for k in range(6)]))
    content = content[: len(content) - cut]
    for at, mask in flips:
        if at < len(content):
            content[at] ^= mask
    path = tmp_path_factory.getbasetemp() / "damaged.mp4"
    path.write_bytes(bytes(content))
    track = NovatekGps().read(path, facts(6.0))
    assert track is None or len(track.fixes) <= 6


@pytest.mark.realdata
def test_an_assembled_clip_agrees_with_exiftool(realdata):
    path = realdata / "gps_assembled" / "2017_0709_082116_002F.MP4"
    rows = list(csv.DictReader(path.with_name(path.name + ".exiftool.tsv").open(), delimiter="\t"))
    fixes = NovatekGps().read(path, facts(35.0)).fixes
    assert len(fixes) == len(rows)
    for fix, row in zip(fixes, rows):
        assert fix.latitude == pytest.approx(float(row["lat"]), abs=1e-9)
        assert fix.longitude == pytest.approx(float(row["lon"]), abs=1e-9)
        assert fix.speed_mps * 3.6 == pytest.approx(float(row["speed_kmh"]), abs=1e-4)
        assert fix.utc.replace("-", ":").replace("T", " ") == row["datetime"]
