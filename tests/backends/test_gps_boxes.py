"""`gps0` boxes and the single place of a container."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashtools.backends.gps_boxes import Gps0Gps, LocationGps
from dashtools.ports import ClipFacts

FACTS = ClipFacts(1920, 1080, "h264", 60.0, 30.0, None, 0, False)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def record(lat: float = 4737.7053, lon: float = -12209.901, month: int = 1) -> bytes:
    return struct.pack("<2diH6BB3x", lat, lon, 123, 36, 24, month, 7, 11, 19, 14, 45)


@pytest.fixture
def written(tmp_path):
    def go(content: bytes):
        path = tmp_path / "a.mp4"
        path.write_bytes(box(b"ftyp", b"isom") + content)
        return path

    return go


def test_gps0_records_are_slots_a_second(written):
    path = written(box(b"gps0", record() + record(month=13) + record(lat=9999.0)))
    fixes = Gps0Gps().read(path, FACTS).fixes
    assert [(fix.t_ms, fix.is_valid) for fix in fixes] == [(0, True), (1000, False), (2000, False)]
    first = fixes[0]
    assert (first.latitude, first.longitude) == (pytest.approx(47.628421667), pytest.approx(-122.16501667))
    assert (first.speed_mps, first.bearing_deg, first.utc) == (10.0, 90.0, "2024-01-07T11:19:14Z")


PLACES = {
    "xyz": (box(b"\xa9xyz", b"\0\x12\x15\xc7+33.1265-117.3274/"), 33.1265, -117.3274),
    "loci": (box(b"loci", bytes(6) + b"\0\0" + struct.pack(">3i", -117 * 65536, 33 * 65536, 0)), 33.0, -117.0),
}


@pytest.mark.parametrize(("content", "latitude", "longitude"), PLACES.values(), ids=PLACES)
def test_the_containers_place_is_one_fix_and_no_track(written, content, latitude, longitude):
    track = LocationGps().read(written(box(b"moov", box(b"udta", content))), FACTS)
    assert [(fix.t_ms, fix.latitude, fix.longitude) for fix in track.fixes] == [(0, latitude, longitude)]
    assert "no track" in track.note


def test_a_clip_without_either_is_left_to_other_readers(written):
    path = written(box(b"moov", box(b"udta", box(b"name", b"x"))))
    assert Gps0Gps().read(path, FACTS) is None and LocationGps().read(path, FACTS) is None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_box_crashes_a_reader(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "boxes.mp4"
    for whole in (box(b"gps0", content), box(b"moov", box(b"udta", box(b"loci", content)))):
        path.write_bytes(whole)
        for reader in (Gps0Gps(), LocationGps()):
            track = reader.read(path, FACTS)
            assert track is None or all(not f.is_valid or abs(f.latitude) <= 90 for f in track.fixes)
