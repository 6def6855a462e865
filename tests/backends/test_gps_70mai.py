"""70mai's box and text logs: slots, the eight-hour bug, one log for many clips, damaged boxes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashtools.backends.gps_70mai import MaiBoxGps, MaiLogGps
from dashtools.ports import ClipFacts

FACTS = ClipFacts(1920, 1080, "h264", 60.0, 30.0, None, 0, False)
NAME = "NO20260712-195504-000000F.MP4"


def record(second: int, lat: int = 5211435, lon: int = 2047369, has_fix: int = 1, kmh: int = 36_000) -> bytes:
    return struct.pack("<4IcIcI10x", 1, has_fix, second, kmh, b"N", lat, b"E", lon)


def mp4(records: list[bytes], *, cut: int = 0) -> bytes:
    body = b"".join(records)
    return struct.pack(">I4s4x", 12, b"ftyp") + struct.pack(">I4s", len(body) + 8 + cut, b"GPS ") + body


@pytest.fixture
def read(tmp_path):
    def go(content: bytes):
        path = tmp_path / "a.mp4"
        path.write_bytes(content)
        return MaiBoxGps().read(path, FACTS)

    return go


def row(stamp: int, state: str = "A", lat: str = "50.0", lon: str = "9.0", name: str = NAME) -> str:
    return f"{stamp},{state},{lat},{lon},18000,1000,100,-5,-12,{name},0,0,0"


def test_each_record_is_a_slot_at_its_own_second(read):
    track = read(mp4([record(0), record(1, has_fix=0), record(3), bytes(36)]))
    assert [(fix.t_ms, fix.is_valid) for fix in track.fixes] == [(0, True), (1000, False), (3000, True)]
    assert track.fixes[0].latitude == pytest.approx(52.1905833, abs=1e-7)
    assert track.fixes[0].speed_mps == pytest.approx(10.0)


def test_positions_out_of_range_are_void_and_counted(read):
    track = read(mp4([record(0), record(1), record(2, lat=3_055_700_000)]))
    assert [fix.is_valid for fix in track.fixes] == [True, True, False]
    assert track.note == "1 of 3 positions are out of range"


def test_minutes_over_sixty_are_no_position(read):
    assert not read(mp4([record(0, lat=5_299_999)])).fixes[0].is_valid


@pytest.mark.parametrize("cut", [0, 500], ids=["mostly out of range", "cut"])
def test_of_a_damaged_box_nothing_is_used(read, cut):
    bad = [record(k, lat=3_055_700_000) for k in range(1 if cut else 4)]
    track = read(mp4([record(0), record(1), *bad], cut=cut))
    assert not any(fix.is_valid for fix in track.fixes)
    assert "the box is damaged" in track.note


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_no_box_crashes_the_reader_or_gives_an_impossible_position(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "mai.mp4"
    path.write_bytes(mp4([content]))
    track = MaiBoxGps().read(path, FACTS)
    for fix in track.fixes if track else ():
        assert not fix.is_valid or (abs(fix.latitude) <= 90 and abs(fix.longitude) <= 180)


@pytest.fixture
def clip(tmp_path):
    """A clip as deep in the card as 70mai puts it, and a log in the card's root."""
    path = tmp_path / "Normal" / "Front" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(b"clip")

    def with_rows(*rows: str):
        (tmp_path / "GPSData000001.txt").write_text("$V02\n" + "\n".join(rows) + "\n")
        return path

    return with_rows


START = 1783850104  # 19:55:04 in Berlin is 17:55:04 UTC; the log is eight hours behind


def test_stamps_are_eight_hours_behind_utc_and_the_name_is_the_clips_start(clip):
    track = MaiLogGps().read(clip(row(START + 28), row(START + 29)), FACTS)
    assert [fix.t_ms for fix in track.fixes] == [28_000, 29_000]
    assert track.fixes[0].utc == "2026-07-12T17:55:32Z"
    assert (track.fixes[0].bearing_deg, track.fixes[0].speed_mps) == (180.0, 10.0)


def test_only_the_clips_own_rows_count_and_a_repeated_second_keeps_its_last(clip):
    other = row(START, name="NO20260712-195604-000001F.MP4")
    track = MaiLogGps().read(clip(other, row(START), row(START + 1), row(START + 1, lat="51.0")), FACTS)
    assert [fix.latitude for fix in track.fixes] == [50.0, 51.0]


def test_the_rear_clip_borrows_the_front_ones_rows(clip):
    rear = clip(row(START)).with_name(NAME.replace("F.MP4", "B.MP4"))
    rear.write_bytes(b"rear")
    assert len(MaiLogGps().read(rear, FACTS).fixes) == 1


@pytest.mark.parametrize("bad", [row(START, "V"), row(START, lat="95.0"), row(START, lat="x"), row(START, lat="nan")])
def test_rows_without_a_possible_position_are_void(clip, bad):
    track = MaiLogGps().read(clip(bad), FACTS)
    assert not track.fixes[0].is_valid and "never had a fix" in track.note


def test_a_text_file_of_another_kind_is_no_log(clip):
    path = clip(row(START))
    (path.parents[2] / "GPSData000001.txt").write_text("hello\n" + row(START))
    assert MaiLogGps().read(path, FACTS) is None


@pytest.mark.realdata
def test_the_good_clip_agrees_with_exiftool_and_the_fuzzed_ones_give_nothing_and_a_reason(realdata):
    found = {p.name: MaiBoxGps().read(p, FACTS) for p in (realdata / "gps_70mai_headers").glob("*.MP4")}
    good = found.pop("NO20191130-120156-000121.MP4")
    assert sum(fix.is_valid for fix in good.fixes) == 61
    for track in found.values():
        assert not any(fix.is_valid for fix in track.fixes) and "damaged" in track.note
