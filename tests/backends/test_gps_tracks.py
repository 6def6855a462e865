"""GPS in timed metadata tracks: GoPro, CAMM, SStar, Thinkware; what is no fix, what noise does."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashtools.backends import camm, gpmf, sstar
from dashtools.backends.gps_tracks import TimedTrackGps
from dashtools.backends.nmea import slots_of_sample
from dashtools.backends.timed_samples import Sample
from dashtools.ports import ClipFacts

FACTS = ClipFacts(1920, 1080, "h264", 10.0, 30.0, None, 0, False)


@pytest.fixture
def read(tmp_path, timed_mp4):
    def go(format: bytes, handler: bytes, samples: list[bytes]):
        path = tmp_path / "clip.mp4"
        path.write_bytes(timed_mp4(format, handler, samples))
        return TimedTrackGps().read(path, FACTS)

    return go


def klv(key: bytes, kind: bytes, size: int, count: int, body: bytes) -> bytes:
    return struct.pack(">4scBH", key, kind, size, count) + body + bytes(-len(body) % 4)


def gopro(rows: list[tuple[int, ...]], *, lock: int = 3, stamp: bytes = b"170417173103.000") -> bytes:
    scale = klv(b"SCAL", b"l", 4, 5, struct.pack(">5i", 10_000_000, 10_000_000, 1000, 1000, 100))
    body = klv(b"GPSF", b"L", 4, 1, struct.pack(">I", lock)) + klv(b"GPSU", b"U", 16, 1, stamp) + scale
    body += klv(b"GPS5", b"l", 20, len(rows), b"".join(struct.pack(">5i", *row) for row in rows))
    stream = klv(b"STRM", b"\0", 1, len(body), body)
    return klv(b"DEVC", b"\0", 1, len(stream), stream)


ROW = (331264969, -1173273542, -20184, 167, 20)


def test_gopros_fixes_are_spread_over_their_payload(read):
    track = read(b"gpmd", b"meta", [gopro([ROW] * 4), gopro([ROW] * 2)])
    assert track.reader == "gopro"
    assert [fix.t_ms for fix in track.fixes] == [0, 250, 500, 750, 1000, 1500]
    first = track.fixes[0]
    assert (first.latitude, first.longitude, first.speed_mps) == (33.1264969, -117.3273542, 0.167)
    assert first.utc == "2017-04-17T17:31:03Z" and track.fixes[1].utc is None


def test_gopro_without_a_lock_is_void(read):
    track = read(b"gpmd", b"meta", [gopro([ROW] * 3, lock=0)])
    assert [fix.is_valid for fix in track.fixes] == [False] * 3
    assert "never had a fix: all 3 slots are void" in track.note


def test_gopros_newer_rows_carry_their_own_time_and_lock(read):
    letters = klv(b"TYPE", b"c", 1, 9, b"lllllllSS")
    scale = klv(b"SCAL", b"l", 4, 9, struct.pack(">9i", 10**7, 10**7, 1000, 1000, 100, 1, 1000, 100, 1))
    row = struct.pack(">7iHH", 481000000, 21000000, 50_000, 8_000, 800, 8841, 1_500, 150, 3)
    body = letters + scale + klv(b"GPS9", b"?", 32, 2, row + row[:-2] + b"\0\0")
    stream = klv(b"STRM", b"\0", 1, len(body), body)
    track = read(b"gpmd", b"meta", [klv(b"DEVC", b"\0", 1, len(stream), stream)])
    assert [fix.is_valid for fix in track.fixes] == [True, False]
    assert track.fixes[0].utc == "2024-03-16T00:00:01.500000Z"


def test_camm_packets_of_both_kinds_are_read(read):
    five = struct.pack("<HH3d", 0, 5, 47.628423, -122.165016, 123.0)
    six = struct.pack("<HHdidd7f", 0, 6, 1704626355.0, 3, 37.422, -122.084, 5.5, 1, 1, 3.0, 4.0, 0, 0)
    gyroscope = struct.pack("<HH3f", 0, 2, 1, 2, 3)
    track = read(b"camm", b"camm", [five, gyroscope, six])
    assert [fix.t_ms for fix in track.fixes] == [0, 2000]
    assert track.fixes[1].utc == "2024-01-07T11:19:15Z"
    assert track.fixes[1].speed_mps == pytest.approx(5.0)
    assert track.fixes[1].bearing_deg == pytest.approx(36.87, abs=0.01)


def test_camm_stamps_from_1980_are_told_by_the_containers_date():
    packet = struct.pack("<HHdidd7f", 0, 6, 1704626355.0 - 315_964_800 + 18, 3, 37.422, -122.084, 0, 1, 1, 0, 0, 0, 0)
    facts = ClipFacts(1, 1, "h264", 1.0, 30.0, None, 0, False, "2024-01-07T11:19:00Z")
    assert camm.fixes_of(Sample(0, 1000, 0, packet), facts)[0].utc == "2024-01-07T11:19:15Z"


def test_sstar_slots_keep_their_second_when_there_is_no_fix(read):
    none = struct.pack("<2d", 4294967295.0, 4294967295.0) + bytes(6) + bytes([126, 5, 20, 11, 34, 11]) + bytes(12)
    good = struct.pack("<2diH", 45.0, 39.0, 32, 36) + bytes([126, 5, 20, 11, 34, 12]) + bytes(12)
    track = read(b"ssmd", b"meta", [none, good])
    assert [(fix.t_ms, fix.is_valid) for fix in track.fixes] == [(0, False), (1000, True)]
    assert (track.fixes[1].speed_mps, track.fixes[1].utc) == (10.0, "2026-06-20T11:34:12Z")


def test_thinkwares_sentences_have_no_dollar_sign(read):
    text = b"gsensori,4,512,-67,-12,100;GNRMC,161313.00,A,4529.87489,N,07337.01215,W,6.225,35.34,310819,,,A*52;CAR,0,0"
    track = read(b"text", b"text", [text, b"gsensori,4,1,2,3", text.replace(b"4529", b"4528")])
    assert track.reader == "nmea text"
    assert [(fix.t_ms, fix.is_valid) for fix in track.fixes] == [(0, True), (2000, False)]
    assert track.fixes[0].longitude == pytest.approx(-73.61686917, abs=1e-8)


def test_a_track_of_another_format_is_left_to_other_readers(read):
    assert read(b"mebx", b"meta", [bytes(40)]) is None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([gpmf.fixes_of, camm.fixes_of, sstar.fixes_of, slots_of_sample]))
def test_no_sample_crashes_a_decoder_or_gives_an_impossible_position(content, decode):
    for fix in decode(Sample(0.0, 1000.0, 0, content), FACTS):
        assert not fix.is_valid or (abs(fix.latitude) <= 90 and abs(fix.longitude) <= 180)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 199), st.integers(1, 255)), min_size=1, max_size=8))
def test_no_damaged_gopro_payload_crashes_the_decoder(flips):
    content = bytearray(gopro([ROW] * 5))
    for at, mask in flips:
        content[at % len(content)] ^= mask
    for fix in gpmf.fixes_of(Sample(0.0, 1000.0, 0, bytes(content)), FACTS):
        assert not fix.is_valid or (abs(fix.latitude) <= 90 and abs(fix.longitude) <= 180)


def vueroid(latitude: float, longitude: float, sides: tuple[int, int] = (1, 0)) -> bytes:
    return bytes(0x34) + struct.pack("<2BH3fI", *sides, 321, 72.0, latitude, longitude, 1_784_000_000)


def test_vueroids_samples_are_a_slot_a_position(tmp_path, timed_mp4, clip_facts):
    seconds = [vueroid(4737.5 + k / 64, 12209.75) for k in range(3) for _ in range(20)]
    path = tmp_path / "20240115_102030_INF_F_N.mp4"
    path.write_bytes(timed_mp4(b"mp4s", b"tvxt", [*seconds, bytes(72)], 50))
    track = TimedTrackGps().read(path, clip_facts())
    assert (track.reader, [fix.t_ms for fix in track.fixes]) == ("vueroid", [0, 1000, 2000])
    first = track.fixes[0]
    assert (first.latitude, first.longitude) == (pytest.approx(47.625), pytest.approx(-122.1625, abs=1e-5))
    assert (first.speed_mps, first.altitude_m, first.utc) == (20.0, 321.0, None)


def test_a_roves_samples_are_minutes_and_knots(tmp_path, timed_mp4, clip_facts):
    def rove(latitude: float, day: int = 15) -> bytes:
        return struct.pack("<2d4xH6B4x", latitude, -12209.75, 20, 24, 1, day, 10, 20, 30)

    path = tmp_path / "a.MP4"
    path.write_bytes(timed_mp4(b"ssmd", b"meta", [rove(4294967295.0), rove(4737.5), rove(4737.5, day=99)]))
    fixes = TimedTrackGps().read(path, clip_facts()).fixes
    assert [(fix.t_ms, fix.is_valid, fix.utc) for fix in fixes] == [
        (0, False, "2024-01-15T10:20:30Z"), (1000, True, "2024-01-15T10:20:30Z"),
    ]  # fmt: skip
    assert (fixes[1].latitude, fixes[1].longitude) == (pytest.approx(47.625), pytest.approx(-122.1625))
    assert fixes[1].speed_mps == pytest.approx(20 * 1852 / 3600)
