"""dc-check: a verdict and a reason for each file, and a status that scripts can use."""

from __future__ import annotations

import json

import pytest

from dashtools.commands._run import status_of
from dashtools.commands.check import command


def run(capfd, *args) -> tuple[int, str]:
    status = status_of(command, "dc-check", [str(arg) for arg in args])
    return status, capfd.readouterr().out


def test_a_file_that_is_no_clip_is_told_with_status_65(tmp_path, capfd):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"")
    status, out = run(capfd, path)
    assert status == 65
    assert f"{path}: unreadable" in out and "the file is empty" in out


def test_a_missing_file_has_status_66_and_does_not_stop_the_rest(tmp_path, capfd):
    (tmp_path / "a.mp4").write_bytes(bytes(100))
    status, out = run(capfd, "--json", tmp_path / "gone.mp4", tmp_path / "a.mp4")
    assert status == 66
    assert [json.loads(line)["verdict"] for line in out.splitlines()] == ["missing", "unreadable"]


@pytest.mark.realdata
def test_the_damaged_and_the_whole_are_told_apart(realdata, capfd):
    names = ["video/mock.mp4", "broken/zero_filled_second_half.MP4", "gps/generic__20260511134011_073648A.TS"]
    status, out = run(capfd, "--json", *(realdata / name for name in names))
    assert status == 0
    assert [json.loads(line)["verdict"] for line in out.splitlines()] == ["whole", "damaged", "whole"]


@pytest.mark.realdata
def test_full_counts_the_damage_of_every_frame(realdata, capfd):
    status, out = run(capfd, "--full", realdata / "broken" / "bitflips_400.MP4")
    assert status == 0 and "frames decoded:" in out
