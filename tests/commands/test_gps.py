"""dc-gps: a line a slot on stdout, who read it on stderr."""

from __future__ import annotations

import json

import pytest

from dashtools.commands._run import status_of
from dashtools.commands.gps import command


@pytest.mark.realdata
def test_each_slot_is_a_line_with_its_video_time(realdata, capfd):
    clip = realdata / "gps_assembled" / "2017_0709_082116_002F.MP4"
    assert status_of(command, "dc-gps", [str(clip)]) == 0
    out, err = capfd.readouterr()
    lines = out.splitlines()
    assert len(lines) == 35
    assert lines[1].split("\t")[:3] == ["1.000", "2017-07-09T05:21:17Z", "53.9445964"]
    assert "35 fixes in 35 slots, read by novatek" in err


@pytest.mark.realdata
def test_void_slots_are_lines_too_and_the_reason_is_told(realdata, capfd):
    clip = realdata / "gps_assembled" / "20170709_081342_NF.mp4"
    assert status_of(command, "dc-gps", ["--json", str(clip)]) == 0
    out, err = capfd.readouterr()
    assert {json.loads(line)["is_valid"] for line in out.splitlines()} == {False}
    assert "never had a fix" in err


def test_an_unreadable_clip_has_status_65(tmp_path, capfd):
    (tmp_path / "a.mp4").write_bytes(b"")
    assert status_of(command, "dc-gps", [str(tmp_path / "a.mp4")]) == 65
