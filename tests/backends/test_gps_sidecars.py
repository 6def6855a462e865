"""GPX and SRT beside a clip: times, orders of latitude and longitude, what is no place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashtools.backends.gps_sidecars import GpxGps, SrtGps, srt_fixes
from dashtools.ports import ClipFacts

FACTS = ClipFacts(1920, 1080, "h264", 60.0, 30.0, None, 0, False)


def gpx(points: list[str]) -> str:
    return f'<gpx version="1.1" creator="t"><trk><trkseg>{"".join(points)}</trkseg></trk></gpx>'


def point(second: int | None, lat: float = 50.0) -> str:
    time = "" if second is None else f"<time>2026-07-12T17:{55 + second // 60:02d}:{second % 60:02d}Z</time>"
    return f'<trkpt lat="{lat}" lon="9.0"><ele>33</ele>{time}</trkpt>'


@pytest.fixture
def beside(tmp_path):
    def write(suffix: str, text: str, stem: str = "20260712_195504_NF"):
        (tmp_path / f"{stem}{suffix}").write_text(text)
        return tmp_path / f"{stem}.mp4"

    return write


def test_points_are_timed_from_the_names_start_in_its_zone(beside):
    track = GpxGps().read(beside(".gpx", gpx([point(4), point(9), point(14, 91.0)])), FACTS)
    assert [(fix.t_ms, fix.is_valid) for fix in track.fixes] == [(0, True), (5000, True), (10_000, False)]
    assert track.fixes[0].altitude_m == 33


def test_a_log_of_the_whole_drive_gives_only_the_clips_points(beside):
    points = [point(k, 50 + k / 1e4) for k in range(0, 240, 2)]
    track = GpxGps().read(beside(".GPX", gpx(points)), FACTS)
    assert (track.fixes[0].t_ms, track.fixes[-1].t_ms) == (-4000, 64_000)


def test_points_without_times_are_counted_and_the_note_says_so(beside):
    track = GpxGps().read(beside(".gpx", gpx([point(None), point(None)])), FACTS)
    assert [fix.t_ms for fix in track.fixes] == [0, 1000] and "no times" in track.note


@pytest.mark.parametrize("text", ["", "<gpx", "not xml", gpx([])])
def test_a_file_that_is_no_gpx_is_no_track(beside, text):
    assert GpxGps().read(beside(".gpx", text), FACTS) is None


CUES = {
    "DJI": ("HOME(9.0,50.0) 2017.08.05\nGPS(149.0251,-20.2533,16) BAROMETER:1.9", -20.2533, 149.0251, None),
    "DJI RTK": ("GPS (-58.851745, -34.237922, 15), H.S 2.88m/s", -34.237922, -58.851745, 2.88),
    "DJI brackets": ("[latitude: 22.5] [longtitude: 113.25] [altitude: 3]", 22.5, 113.25, None),
    "letters": ("2024/01/02 N:48.100158 W:002.100158 36 km/h", 48.100158, -2.100158, 10.0),
    "words": ("LAT: -33.5, LON: 151.25 SPD", -33.5, 151.25, None),
}


@pytest.mark.parametrize(("body", "latitude", "longitude", "speed"), CUES.values(), ids=CUES)
def test_each_kind_of_cue_names_its_place(body, latitude, longitude, speed):
    (fix,) = srt_fixes(f"7\n00:01:02,500 --> 00:01:03,500\n{body}\n\n")
    assert (fix.t_ms, fix.latitude, fix.longitude, fix.speed_mps) == (62_500, latitude, longitude, speed)


def test_a_cue_without_a_place_is_a_void_slot(beside):
    text = "1\n00:00:00,000 --> 00:00:01,000\nGPS(9.0,50.0,1)\n\n2\n00:00:01,000 --> 00:00:02,000\nno fix\n\n"
    track = SrtGps().read(beside(".SRT", text), FACTS)
    assert [fix.is_valid for fix in track.fixes] == [True, False]


def test_plain_subtitles_are_no_track(beside):
    assert SrtGps().read(beside(".srt", "1\n00:00:00,000 --> 00:00:01,000\nHello\n"), FACTS) is None


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_no_text_crashes_the_parser(text):
    for fix in srt_fixes(f"1\n00:00:00,000 --> 00:00:01,000\n{text}\n\n"):
        assert not fix.is_valid or abs(fix.latitude) <= 90


@pytest.mark.realdata
def test_the_subtitles_of_the_collection_are_read_whole(realdata):
    counts = {p.name: len(SrtGps().read(p, FACTS).fixes) for p in (realdata / "gps_sidecar_srt").glob("*.SRT")}
    assert counts == {"mavic_pro.SRT": 468, "p4_rtk.SRT": 55}
