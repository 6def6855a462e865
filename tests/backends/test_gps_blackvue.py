"""BlackVue logs, in the clip and beside it: slots, clocks, damaged sentences."""

from __future__ import annotations

import csv
import struct
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashtools.backends.gps_blackvue import BlackVueGps, SidecarGps
from dashtools.backends.nmea import parse, timed
from dashtools.ports import ClipFacts

NAME_MS = 1499552089000  # 2017-07-08 22:14:49 by the camera's clock, as if UTC


def facts(duration_s: float = 60.0) -> ClipFacts:
    return ClipFacts(1920, 1080, "h264", duration_s, 30.0, None, 0, False)


def sentence(body: str) -> str:
    return f"${body}*{reduce(lambda a, b: a ^ ord(b), body, 0):02X}\r\n"


def rmc(second: int, *, valid: bool = True, lat: str = "5357.14375,N", lon: str = "02740.86226,E") -> str:
    if not valid:
        return sentence("GPRMC,,V,,,,,,,,,,N")
    return sentence(f"GPRMC,1914{second:02d}.00,A,{lat},{lon},10.0,62.67,080717,,,A")


def gga(second: int, altitude: float) -> str:
    return sentence(f"GPGGA,1914{second:02d}.00,5357.14375,N,02740.86226,E,1,11,0.81,{altitude},M,24.8,M,,")


def log(slots: list[str], first_ms: int = NAME_MS + 960) -> bytes:
    return "".join(f"[{first_ms + 1000 * k}]{text}" for k, text in enumerate(slots)).encode()


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


@pytest.fixture
def clip(tmp_path: Path):
    def write(text: bytes | None, name: str = "20170708_221449_NF.mp4") -> Path:
        path = tmp_path / name
        inner = b"" if text is None else box(b"free", box(b"cprt", b"Pittasoft") + box(b"gps ", text))
        path.write_bytes(box(b"ftyp", b"isom") + box(b"free", b"") + box(b"mdat", bytes(40)) + inner)
        return path

    return write


def test_slots_are_timed_by_the_cameras_clock_from_the_names_start(clip):
    track = BlackVueGps().read(clip(log([rmc(50 + k) for k in range(5)])), facts())
    assert [fix.t_ms for fix in track.fixes] == [960, 1960, 2960, 3960, 4960]
    assert track.fixes[0].utc == "2017-07-08T19:14:50Z"
    assert track.fixes[0].speed_mps == pytest.approx(5.14444, abs=1e-5)


def test_a_void_start_does_not_move_the_first_fix_to_zero(clip):
    track = BlackVueGps().read(clip(log([rmc(0, valid=False)] * 6 + [rmc(50)])), facts())
    assert [fix.is_valid for fix in track.fixes] == [False] * 6 + [True]
    assert track.fixes[6].t_ms == 6960


def test_a_log_in_utc_under_a_local_name_keeps_its_times(clip):
    track = BlackVueGps().read(clip(log([rmc(50)], NAME_MS - 3 * 3_600_000 + 960)), facts())
    assert track.fixes[0].t_ms == 960


def test_without_a_time_in_the_name_the_first_slot_is_the_start_and_the_note_says_so(clip):
    track = BlackVueGps().read(clip(log([rmc(0, valid=False), rmc(51)]), "front.mp4"), facts())
    assert [fix.t_ms for fix in track.fixes] == [0, 1000]
    assert "begin at the first slot" in track.note


def test_altitude_comes_from_the_same_seconds_gga(clip):
    track = BlackVueGps().read(clip(log([rmc(50) + gga(50, 222.3), rmc(51)])), facts())
    assert [fix.altitude_m for fix in track.fixes] == [222.3, None]


def test_a_sentence_with_a_wrong_checksum_is_a_void_slot(clip):
    bad = rmc(51).replace("5357", "5457")
    track = BlackVueGps().read(clip(log([rmc(50), bad, rmc(52)])), facts())
    assert [fix.is_valid for fix in track.fixes] == [True, False, True]


def test_a_recording_without_any_fix_says_so(clip):
    track = BlackVueGps().read(clip(log([rmc(0, valid=False)] * 3)), facts())
    assert "never had a fix: all 3 slots are void" in track.note


def test_a_clip_without_a_log_is_left_to_other_readers(clip):
    path = clip(None)
    assert BlackVueGps().read(path, facts()) is None
    assert SidecarGps().read(path, facts()) is None


@pytest.mark.parametrize("beside", ["20170708_221449_N.gps", "20170708_221449_NF.NMEA"])
def test_a_log_beside_the_clip_is_found_with_or_without_the_channel(clip, beside):
    path = clip(None)
    path.with_name(beside).write_bytes(log([rmc(50), rmc(51)]))
    track = SidecarGps().read(path, facts())
    assert (track.reader, [fix.t_ms for fix in track.fixes]) == ("nmea", [960, 1960])


def test_a_log_without_a_camera_clock_follows_the_receivers(clip):
    path = clip(None, "MOV_0001.mp4")
    text = rmc(0, valid=False) + rmc(10) + rmc(11) + rmc(14)
    path.with_name("MOV_0001.nmea").write_bytes(text.encode())
    assert [fix.t_ms for fix in SidecarGps().read(path, facts()).fixes] == [0, 1000, 2000, 5000]


def test_a_camera_clock_in_whole_seconds_counts_as_such(clip):
    text = "".join(f"[{NAME_MS // 1000 + k}]{rmc(50 + k)}" for k in range(3)).encode()
    assert [fix.t_ms for fix in BlackVueGps().read(clip(text), facts()).fixes] == [0, 1000, 2000]


def test_two_fixes_under_one_whole_second_are_half_a_second_apart():
    fixes, _ = timed(parse("".join(rmc(k // 2) for k in range(6)).encode()), None, 3.0)
    assert [fix.t_ms for fix in fixes] == [0, 500, 1000, 1500, 2000, 2500]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=90), st.builds(lambda s: rmc(s).encode(), st.integers(0, 59)))))
def test_no_log_crashes_the_parser_and_times_never_run_backwards(parts):
    fixes, _ = timed(parse(b"\r\n".join(parts)), None, 10.0)
    assert [fix.t_ms for fix in fixes] == sorted(fix.t_ms for fix in fixes)


@pytest.mark.realdata
def test_an_assembled_clip_agrees_with_exiftool(realdata):
    path = realdata / "gps_assembled" / "20170708_221449_NF.mp4"
    rows = list(csv.DictReader(path.with_name(path.name + ".exiftool.tsv").open(), delimiter="\t"))
    fixes = [fix for fix in BlackVueGps().read(path, facts(46.0)).fixes if fix.is_valid]
    assert len(fixes) == len(rows)
    for fix, row in zip(fixes, rows):
        assert fix.latitude == pytest.approx(float(row["lat"]), abs=1e-9)
        assert fix.longitude == pytest.approx(float(row["lon"]), abs=1e-9)


@pytest.mark.realdata
def test_the_receiver_that_never_had_a_fix_gives_void_slots_only(realdata):
    track = BlackVueGps().read(realdata / "gps_assembled" / "20170709_081342_NF.mp4", facts(7.0))
    assert track.fixes and not any(fix.is_valid for fix in track.fixes)
    assert "never had a fix" in track.note


@pytest.mark.realdata
def test_the_logs_of_the_collection_keep_every_second(realdata):
    counts = {}
    for path in sorted((realdata / "gps_sidecar_blackvue").glob("*.gps")):
        slots = parse(path.read_bytes())
        counts[path.stem] = (sum(slot.fix.is_valid for slot in slots), sum(not slot.fix.is_valid for slot in slots))
    assert counts["20170708_221449_N"] == (46, 0)
    assert counts["20170709_081815_N"] == (105, 76)
    assert counts["20170709_080018_N"] == (0, 190)


def test_a_log_that_was_edited_is_taken_without_its_checksums_and_the_note_says_so(clip):
    edited = [rmc(50 + k).replace("5357", "5457") for k in range(6)]
    track = BlackVueGps().read(clip(log(edited)), facts())
    assert [fix.is_valid for fix in track.fixes] == [True] * 6
    assert "hardly a checksum" in track.note
