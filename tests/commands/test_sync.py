"""dc-sync: paths on stdout, statuses that timers can use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashtools.commands._run import status_of
from dashtools.commands.sync import command


def run(capfd, *args) -> tuple[int, str]:
    return status_of(command, "dc-sync", [str(arg) for arg in args]), capfd.readouterr().out


@pytest.fixture
def card(tmp_path: Path, tiny_drive) -> Path:
    folder = tmp_path / "card" / "DCIM" / "Movie"
    folder.mkdir(parents=True)
    for clip in tiny_drive:
        (folder / clip.name).write_bytes(clip.read_bytes())
    return tmp_path / "card"


def test_a_cards_clips_come_and_their_paths_are_printed(card, tmp_path, capfd):
    target = tmp_path / "raw"
    target.mkdir()
    status, out = run(capfd, card, target)
    assert status == 0
    assert sorted(map(Path, out.splitlines())) == sorted(target.glob("Movie/*.MP4"))
    assert run(capfd, card, target) == (0, "")


def test_newest_first_and_list(card, tmp_path, capfd):
    _, plain = run(capfd, "--list", "--json", card)
    _, turned = run(capfd, "--list", "--newest-first", "--json", card)
    names = [json.loads(line)["path"] for line in plain.splitlines()]
    assert [json.loads(line)["path"] for line in turned.splitlines()] == names[::-1] and len(names) == 2


def test_a_damaged_clip_has_status_65_and_does_not_stop_the_rest(card, tmp_path, capfd, tiny_drive):
    (card / "DCIM" / "Movie" / "2024_0115_000000_000000.MP4").write_bytes(b"")
    target = tmp_path / "raw"
    target.mkdir()
    status, out = run(capfd, card, target)
    assert len(out.splitlines()) >= 2 and status in (0, 65)


def test_an_absent_card_or_folder_has_status_66(tmp_path, capfd):
    assert run(capfd, tmp_path / "gone", tmp_path)[0] == 66
    (tmp_path / "card").mkdir()
    assert run(capfd, tmp_path / "card", tmp_path / "gone")[0] == 66


def test_a_camera_that_is_off_has_status_75(tmp_path, capfd):
    assert run(capfd, "http://127.0.0.1:9", tmp_path, "--timeout", "0.2")[0] == 75


def test_a_camera_that_cannot_delete_is_not_asked_to(tmp_path, capfd):
    assert run(capfd, "127.0.0.1:9", tmp_path, "--kind", "blackvue", "--delete-after")[0] == 64
