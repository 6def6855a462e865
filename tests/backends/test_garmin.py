"""Garmin's samples and its box of records."""

from __future__ import annotations

import shutil
import struct

import pytest

from dashtools.backends.exiftool import ExiftoolGps
from dashtools.backends.garmin import USER_TYPE, GarminBoxGps
from dashtools.backends.gps_tracks import TimedTrackGps

UNITS = 2**31 / 180
NOTHING = -(2**31)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def pndm(latitude: float, longitude: float, mph: int = 30, lead: bytes = b"") -> bytes:
    return lead + b"PNDM" + struct.pack(">IH2x2i", 0, mph, round(latitude * UNITS), round(longitude * UNITS))


def record(second: int, latitude: float | None, longitude: float | None) -> bytes:
    units = [NOTHING if value is None else round(value * UNITS) for value in (latitude, longitude)]
    return struct.pack(">IH6x2i", 3_789_123_456 + second, 30, *units)


@pytest.mark.parametrize("lead", [b"", b"\0\x18", b"\0\0\0\x18"], ids=["bare", "two bytes", "four bytes"])
def test_each_sample_is_a_slot_in_the_samples_time(tmp_path, timed_mp4, clip_facts, lead):
    path = tmp_path / "GRMN0001.MP4"
    path.write_bytes(timed_mp4(b"text", b"text", [pndm(47.5, -122.25, lead=lead), pndm(47.6, -122.35, lead=lead)]))
    track = TimedTrackGps().read(path, clip_facts())
    assert (track.reader, [fix.t_ms for fix in track.fixes]) == ("garmin", [0, 1000])
    first = track.fixes[0]
    assert (first.latitude, first.longitude) == (pytest.approx(47.5, abs=1e-7), pytest.approx(-122.25, abs=1e-7))
    assert first.speed_mps == pytest.approx(30 * 0.44704) and first.utc is None


def test_the_boxs_records_have_time_and_void_ones_are_slots(tmp_path, clip_facts):
    head = USER_TYPE + bytes(33 - 16)
    body = head + record(0, None, None) + record(1, -33.5, 151.25) + record(3, -33.6, 151.35)
    path = tmp_path / "GRMN0001.MP4"
    path.write_bytes(box(b"ftyp", b"isom") + box(b"moov", box(b"uuid", bytes(16)) + box(b"uuid", body)))
    track = GarminBoxGps().read(path, clip_facts())
    assert [(fix.t_ms, fix.is_valid) for fix in track.fixes] == [(0, False), (1000, True), (3000, True)]
    fix = track.fixes[1]
    assert (fix.latitude, fix.longitude) == (pytest.approx(-33.5, abs=1e-7), pytest.approx(151.25, abs=1e-7))
    assert fix.utc == "2024-01-26T14:17:37Z"


def test_a_clip_without_the_box_is_left_to_other_readers(tmp_path, clip_facts):
    path = tmp_path / "a.mp4"
    path.write_bytes(box(b"moov", box(b"uuid", bytes(80))))
    assert GarminBoxGps().read(path, clip_facts()) is None


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is not installed")
@pytest.mark.parametrize("form", ["samples", "box"])
def test_exiftool_reads_the_same(tmp_path, timed_mp4, clip_facts, form):
    path, reader = tmp_path / "GRMN0001.MP4", TimedTrackGps()
    path.write_bytes(timed_mp4(b"text", b"text", [pndm(47.5 + k, -122.25) for k in range(3)]))
    if form == "box":
        body = USER_TYPE + bytes(33 - 16) + b"".join(record(k, 47.5 + k, -122.25) for k in range(3))
        path.write_bytes(box(b"ftyp", b"isomisom") + box(b"moov", box(b"uuid", body)))
        reader = GarminBoxGps()
    ours, theirs = reader.read(path, clip_facts()).fixes, ExiftoolGps().read(path, clip_facts()).fixes
    assert len(ours) == len(theirs) == 3
    assert form == "samples" or [fix.utc for fix in ours] == [fix.utc for fix in theirs]
    for own, other in zip(ours, theirs):
        assert (own.latitude, own.longitude) == (
            pytest.approx(other.latitude, abs=1e-9), pytest.approx(other.longitude, abs=1e-9),
        )  # fmt: skip
