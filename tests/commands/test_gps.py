"""dc-gps: a JSON line a slot on stdout, who read it on stderr."""

from __future__ import annotations

import json
from pathlib import Path

import gpxpy
import pytest

from dashtools.commands._run import status_of
from dashtools.commands.gps import command

FIELDS = ["type", "path", "slot", "pts_ms", "utc", "latitude", "longitude", "speed_mps", "bearing_deg", "is_valid"]


@pytest.mark.realdata
def test_each_slot_is_a_line_with_its_video_time(realdata, capfd):
    clip = realdata / "gps_assembled" / "2017_0709_082116_002F.MP4"
    assert status_of(command, "dc-gps", [str(clip)]) == 0
    out, err = capfd.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 35
    assert list(lines[1]) == [*FIELDS, "reader"]
    assert (lines[1]["slot"], lines[1]["pts_ms"], lines[1]["utc"]) == (1, 1000, "2017-07-09T05:21:17Z")
    assert lines[1]["latitude"] == pytest.approx(53.9445964, abs=1e-7)
    assert "35 fixes in 35 slots, read by novatek" in err


@pytest.mark.realdata
def test_void_slots_are_lines_with_nulls_and_the_reason_is_told(realdata, capfd):
    clip = realdata / "gps_assembled" / "20170709_081342_NF.mp4"
    assert status_of(command, "dc-gps", [str(clip)]) == 0
    out, err = capfd.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["is_valid"] for line in lines} == {False}
    assert {line["latitude"] for line in lines} == {None}
    assert "never had a fix" in err


@pytest.mark.realdata
def test_gpx_is_one_document_with_a_track_for_each_file(realdata, capfd):
    clips = [realdata / "gps_assembled" / name for name in ("2017_0709_082116_002F.MP4", "20170708_221449_NF.mp4")]
    assert status_of(command, "dc-gps", ["--gpx", *map(str, clips)]) == 0
    document = gpxpy.parse(capfd.readouterr().out)
    assert [sum(len(s.points) for s in track.segments) for track in document.tracks] == [35, 46]


def test_a_log_may_be_given_in_place_of_a_clip(tmp_path: Path, capfd):
    log = tmp_path / "a.srt"
    log.write_text("1\n00:00:02,000 --> 00:00:03,000\nGPS(9.0,50.0,1)\n")
    assert status_of(command, "dc-gps", [str(log)]) == 0
    (line,) = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert (line["pts_ms"], line["latitude"], line["reader"]) == (2000, 50.0, "srt")


def test_an_unreadable_clip_has_status_65_and_a_missing_one_66(tmp_path, capfd):
    (tmp_path / "a.mp4").write_bytes(b"")
    assert status_of(command, "dc-gps", [str(tmp_path / "a.mp4")]) == 65
    assert status_of(command, "dc-gps", [str(tmp_path / "gone.mp4")]) == 66
