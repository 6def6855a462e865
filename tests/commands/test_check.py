"""dc-check: a JSON line with a verdict, a reason and an offset for each file, and a status that scripts can use."""

from __future__ import annotations

import json
import os

import pytest

from dashtools.commands._run import status_of
from dashtools.commands.check import command


def run(capfd, *args) -> tuple[int, list[dict]]:
    status = status_of(command, "dc-check", [str(arg) for arg in args])
    return status, [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_a_file_that_is_no_clip_is_told_with_status_65(tmp_path, capfd):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"")
    status, (line,) = run(capfd, path)
    assert status == 65
    assert (line["type"], line["path"], line["ok"], line["offset"]) == ("check", str(path), False, 0)
    assert "the file is empty" in line["reason"]


def test_a_missing_file_has_status_66_and_does_not_stop_the_rest(tmp_path, capfd):
    (tmp_path / "a.mp4").write_bytes(bytes(100))
    status, lines = run(capfd, tmp_path / "gone.mp4", tmp_path / "a.mp4")
    assert status == 66
    assert [line["verdict"] for line in lines] == ["missing", "unreadable"]


@pytest.mark.realdata
def test_the_damaged_and_the_whole_are_told_apart(realdata, capfd):
    names = ["video/mock.mp4", "broken/zero_filled_second_half.MP4", "gps/generic__20260511134011_073648A.TS"]
    status, lines = run(capfd, *(realdata / name for name in names))
    assert status == 65
    assert [line["verdict"] for line in lines] == ["whole", "damaged", "whole"]
    assert [line["ok"] for line in lines] == [True, False, True]
    assert (lines[0]["reason"], lines[0]["offset"], lines[0]["container"]) == (None, None, "mp4")


@pytest.mark.realdata
def test_every_broken_file_has_a_reason_and_an_offset(realdata, capfd):
    status, lines = run(capfd, *sorted((realdata / "broken").iterdir()))
    assert status == 65 and len(lines) == 9
    for line in lines:
        assert line["ok"] is False and line["reason"]
        assert isinstance(line["offset"], int), line


@pytest.mark.realdata
def test_full_counts_the_damage_of_every_frame(realdata, capfd):
    status, (line,) = run(capfd, "--full", realdata / "broken" / "bitflips_400.MP4")
    assert status == 65 and "frames decoded:" in line["reasons"][0]


def test_a_name_that_is_no_utf8_is_shown_with_its_bytes(tmp_path, capfd):
    path = os.fsencode(tmp_path) + b"/bad\xff\n.mp4"
    with open(path, "wb") as file:
        file.write(b"")
    status, (line,) = run(capfd, os.fsdecode(path))
    assert status == 65 and line["path"].endswith("bad\\xff\n.mp4")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_no_file_is_told_and_not_waited_for(tmp_path, capfd, make):
    make(tmp_path / "a.mp4")
    status, (line,) = run(capfd, tmp_path / "a.mp4")
    assert (status, line["verdict"]) == (65, "unreadable") and "no file" in line["reason"]
