"""Tesla's messages ahead of the pictures, written here by the published definition."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtools.backends.gps_tesla import TeslaEventGps, TeslaGps
from dashtools.backends.tesla import message_of

SLICE = struct.pack(">I", 3) + b"\x65abc"[:3]


def message(latitude: float | None, longitude: float | None, speed: float = 12.5, heading: float = 90.0) -> bytes:
    """protobuf: version 1, gear 1, sequence 300, the speed, two flags, then the doubles."""
    out = b"\x08\x01\x10\x01\x18\xac\x02" + b"\x25" + struct.pack("<f", speed) + b"\x38\x01\x50\x02"
    if latitude is not None and longitude is not None:
        out += b"\x59" + struct.pack("<d", latitude) + b"\x61" + struct.pack("<d", longitude)
    return out + b"\x69" + struct.pack("<d", heading)


def escaped(text: bytes) -> bytes:
    """With 03 after each two zeros, as H.264 has it."""
    out, zeros = bytearray(), 0
    for byte in text:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def picture(*fields: float | None, **more: float) -> bytes:
    body = escaped(message(*fields, **more))
    unit = b"\x06\x05" + bytes([len(body) + 5]) + b"\x42\x42\x42\x69" + body + b"\x80"
    return struct.pack(">I", len(unit)) + unit + SLICE


@pytest.fixture
def write(tmp_path, timed_mp4):
    def go(*pictures: bytes, step_ms: int = 28):
        path = tmp_path / "2026-01-15_10-20-30-front.mp4"
        path.write_bytes(timed_mp4(b"avc1", b"vide", list(pictures), step_ms))
        return path

    return go


def test_messages_become_slots_a_tenth_of_a_second_apart(write, clip_facts):
    path = write(*(picture(48.2 + k / 1e5, 16.3) for k in range(20)))
    track = TeslaGps().read(path, clip_facts())
    assert track.reader == "tesla" and [fix.t_ms for fix in track.fixes] == [0, 112, 224, 336, 448]
    assert [fix.latitude for fix in track.fixes] == [48.2 + k / 1e5 for k in range(0, 20, 4)]
    assert (track.fixes[0].speed_mps, track.fixes[0].bearing_deg) == (12.5, 90.0)


def test_zeros_within_a_number_survive_the_escaping(write, clip_facts):
    fix = TeslaGps().read(write(picture(-32.0, -0.5, speed=-2.0, heading=-90.0)), clip_facts()).fixes[0]
    assert (fix.latitude, fix.longitude, fix.speed_mps, fix.bearing_deg) == (-32.0, -0.5, 2.0, 270.0)


def test_a_car_without_a_position_gives_void_slots_and_says_so(write, clip_facts):
    track = TeslaGps().read(write(picture(None, None), picture(0.0, 0.0), step_ms=500), clip_facts())
    assert [fix.is_valid for fix in track.fixes] == [False, False] and "never told" in track.note


def test_a_clip_without_messages_is_left_to_other_readers(write, clip_facts):
    assert TeslaGps().read(write(*[SLICE] * 40), clip_facts()) is None


@given(st.binary(max_size=120))
def test_no_bytes_crash_the_decoder(text):
    found = message_of(text)
    assert found is None or not found.fix(0).is_valid or abs(found.fix(0).latitude) <= 90


def test_the_place_of_an_event_is_one_fix(tmp_path, clip_facts):
    clip = tmp_path / "2024-01-15_10-20-30-front.mp4"
    assert TeslaEventGps().read(clip, clip_facts()) is None
    (tmp_path / "event.json").write_text(json.dumps({"est_lat": "37.77", "est_lon": "-122.4", "city": "x"}))
    track = TeslaEventGps().read(clip, clip_facts())
    assert [(fix.latitude, fix.longitude) for fix in track.fixes] == [(37.77, -122.4)] and "event" in track.note
    (tmp_path / "event.json").write_text("[]")
    assert TeslaEventGps().read(clip, clip_facts()) is None
