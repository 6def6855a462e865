"""ExifTool as the fallback: its answers, its absence, its silence."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from dashtools.backends import exiftool_process
from dashtools.backends.exiftool import ExiftoolGps
from dashtools.backends.gps_novatek import NovatekGps
from dashtools.ports import ClipFacts

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="no exiftool on this host")


def facts(duration_s: float = 60.0) -> ClipFacts:
    return ClipFacts(1920, 1080, "h264", duration_s, 30.0, None, 0, False)


@pytest.fixture
def tool(tmp_path: Path):
    """A stand-in program that answers with given tags."""

    def make(tags: dict | str, version: str = "13.59") -> ExiftoolGps:
        answer = tmp_path / "answer.json"
        answer.write_text(tags if isinstance(tags, str) else json.dumps([tags]))
        program = tmp_path / f"exiftool-{version}"
        program.write_text(
            f'#!/bin/sh\nif [ "$1" = -ver ]; then echo {version}; exit; fi\n[ "$TZ" = UTC ] && cat {answer}\n'
        )
        program.chmod(0o755)
        return ExiftoolGps(str(program))

    return make


def sample(number: int, **tags) -> dict:
    whole = {"GPSLatitude": 52.0 + number / 1000, "GPSLongitude": 21.0, "GPSSpeed": 36, "GPSTrack": 90, **tags}
    return {f"Doc{number}:{name}": value for name, value in whole.items()}


def test_speed_becomes_metres_a_second_and_sample_times_count(tool):
    track = tool({**sample(1, SampleTime=6.0), **sample(2, SampleTime=7.0)}).read(Path("a.mp4"), facts())
    assert [(fix.t_ms, fix.speed_mps, fix.bearing_deg) for fix in track.fixes] == [
        (6000, 10.0, 90.0),
        (7000, 10.0, 90.0),
    ]
    assert (track.reader, track.version) == ("exiftool", "13.59")


def test_documents_are_ordered_by_number_and_not_by_text(tool):
    tags = {key: value for number in (10, 9, 2) for key, value in sample(number).items()}
    assert [fix.latitude for fix in tool(tags).read(Path("a.mp4"), facts()).fixes] == [52.002, 52.009, 52.01]


def test_fixes_of_one_payload_are_spread_over_it(tool):
    tags = {
        **sample(1, SampleTime=1.0, SampleDuration=1.0),
        "Doc1:Copy1:GPSLatitude": 52.5,
        "Doc1:Copy1:GPSLongitude": 21.0,
    }
    assert [fix.t_ms for fix in tool(tags).read(Path("a.mp4"), facts()).fixes] == [1000, 1500]


def test_stamps_are_placed_by_the_names_local_time_not_from_the_first_fix(tool):
    tags = {**sample(1, GPSDateTime="2017:07:08 19:14:55Z"), **sample(2, GPSDateTime="2017:07:08 19:14:56Z")}
    track = tool(tags).read(Path("20170708_221449_NF.mp4"), facts())
    assert [fix.t_ms for fix in track.fixes] == [6000, 7000]
    assert track.fixes[0].utc == "2017-07-08T19:14:55Z"


def test_with_an_unknown_start_the_missing_fixes_are_taken_to_be_the_first_ones_and_it_is_said(tool):
    tags = {**sample(1, GPSDateTime="2017:07:08 19:14:55Z"), **sample(2, GPSDateTime="2017:07:08 19:14:58Z")}
    track = tool(tags).read(Path("a.mp4"), facts(10.0))
    assert [fix.t_ms for fix in track.fixes] == [6000, 9000]
    assert "start is not known" in track.note


def test_impossible_positions_are_dropped(tool):
    tags = {**sample(1, GPSLatitude=1.7e23, SampleTime=0), **sample(2, GPSLatitude=0, GPSLongitude=0, SampleTime=1)}
    assert tool(tags).read(Path("a.mp4"), facts()) is None


@pytest.mark.parametrize(("version", "mps"), [("12.57", 36.0), ("13.59", 10.0)])
def test_gopro_speed_changed_its_unit_between_versions(tool, version, mps):
    tags = {**sample(1, SampleTime=0), "Main:HandlerDescription": "GoPro AVC"}
    assert tool(tags, version).read(Path("a.mp4"), facts()).fixes[0].speed_mps == mps


@pytest.mark.parametrize("answer", ["", "[]", "{", "[3]", '[{"Doc1:GPSLatitude": "x", "Doc1:GPSLongitude": null}]'])
def test_an_answer_without_a_track_is_none(tool, answer):
    assert tool(answer).read(Path("a.mp4"), facts()) is None


def test_a_host_without_exiftool_has_no_such_track():
    assert ExiftoolGps("no-such-program-here").read(Path("a.mp4"), facts()) is None


def test_a_tool_that_does_not_answer_is_left_after_its_time(tmp_path):
    program = tmp_path / "slow"
    program.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    program.chmod(0o755)
    assert ExiftoolGps(str(program), timeout_s=0.2).read(Path("a.mp4"), facts()) is None


@needs_exiftool
@pytest.mark.realdata
def test_one_exiftool_answers_for_many_clips_and_a_new_one_after_it_was_killed(realdata):
    path = realdata / "gps" / "hero5-trimmed.mp4"
    counts = [len(ExiftoolGps().read(path, facts(2.0)).fixes)]
    (key, tool), *others = [item for item in exiftool_process._open.items() if item[0][0].endswith("/exiftool")]
    assert not others and tool.poll() is None
    counts.append(len(ExiftoolGps().read(path, facts(2.0)).fixes))
    assert exiftool_process._open[key] is tool
    tool.kill()
    tool.wait()
    counts.append(len(ExiftoolGps().read(path, facts(2.0)).fixes))
    assert exiftool_process._open[key] is not tool and len(set(counts)) == 1


@needs_exiftool
@pytest.mark.realdata
def test_it_agrees_with_our_own_slot_reader(realdata):
    path = realdata / "gps_assembled" / "2017_0709_082116_002F.MP4"
    own = {fix.utc: fix for fix in NovatekGps().read(path, facts(35.0)).fixes}
    found = ExiftoolGps().read(path, facts(35.0)).fixes
    assert len(found) >= 5  # 12.57 finds 7 of the 35: the index lies behind udta, where it does not look
    for theirs in found:
        mine = own[theirs.utc]
        assert mine.t_ms == theirs.t_ms
        assert mine.latitude == pytest.approx(theirs.latitude, abs=1e-9)
        assert mine.longitude == pytest.approx(theirs.longitude, abs=1e-9)
        assert mine.speed_mps == pytest.approx(theirs.speed_mps, abs=1e-4)


@needs_exiftool
@pytest.mark.realdata
def test_a_gopro_clip_gives_its_fixes_spread_over_its_payloads(realdata):
    path = realdata / "gps" / "hero5-trimmed.mp4"
    rows = list(csv.DictReader(path.with_name(path.name + ".exiftool.tsv").open(), delimiter="\t"))
    fixes = ExiftoolGps().read(path, facts(2.0)).fixes
    assert len(fixes) >= len(rows) - 1
    assert len({fix.t_ms for fix in fixes}) == len(fixes)
    assert max(fix.speed_mps for fix in fixes) < 2
