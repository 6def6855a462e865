"""dc-detect prints a line a plate, and says what it could not read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashtools.commands._run import status_of
from dashtools.commands.detect import command
from dashtools.devices import models
from dashtools.errors import BackendUnavailable


def test_a_missing_file_has_status_66_and_an_unreadable_one_65(tmp_path: Path, capfd) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    where = ["--spool", str(tmp_path / "none")]
    assert status_of(command, "dc-detect", [*where, str(tmp_path / "gone.jpg")]) == 66
    assert status_of(command, "dc-detect", [*where, str(tmp_path / "a.png")]) == 65
    assert "no picture" in capfd.readouterr().err


@pytest.mark.models
@pytest.mark.realdata
def test_a_picture_gives_a_line_a_plate_and_an_annotated_copy(realdata: Path, tmp_path: Path, capfd) -> None:
    try:
        models.find("platedet").path()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    picture = realdata / "plate_stills_dashcam" / "dayride_type1_001_t0588.png"
    arguments = ["--spool", str(tmp_path / "none"), "--draw", str(tmp_path / "drawn"), str(picture)]
    assert status_of(command, "dc-detect", arguments) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["text"] for line in lines if line["refused"] is None] == ["MM11XYL"]
    assert set(lines[0]) == {"type", "path", "frame", "box", "score", "text", "confidence", "refused"}
    assert len(list((tmp_path / "drawn").glob("*.jpg"))) == 1
