"""dc-ingest as a user runs it: what a look publishes, a share that is away, a clip that is still being written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dashtools.commands._run import status_of
from dashtools.commands.ingest import command
from dashtools.spool.queue import Spool

LONG_AGO = (1_700_000_000, 1_700_000_000)


class House:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.clips, self.host_file = folder, folder / "clips", folder / "host.json"
        self.clips.mkdir()
        self.host = {"host": {"state_dir": str(folder / "state")}}
        self.host_file.write_text(json.dumps(self.host))
        monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
        Spool.create(folder / "spool")
        self.spool = Spool.open(folder / "spool")
        self.options = ["--spool", str(self.spool.root), "--config", str(self.host_file), "--publish-only"]

    def put(self, name: str, content: bytes) -> Path:
        path = self.clips / name
        path.write_bytes(content)
        os.utime(path, LONG_AGO)
        return path

    def run(self, *args: str) -> int:
        return status_of(command, "dc-ingest", [*self.options, "--settle", "0", *args])

    def clips_published(self) -> list[str]:
        tasks = self.spool.root.glob("pending/INGEST_VIDEO/**/*.json")
        return sorted(json.loads(path.read_bytes())["metadata"]["clip"] for path in tasks)


@pytest.fixture
def house(tmp_path, monkeypatch):
    return House(tmp_path, monkeypatch)


def test_one_clip_under_two_names_is_one_task_and_other_bytes_under_its_name_another(house):
    house.put("a.mp4", b"one")
    house.put("b.mp4", b"one")
    assert house.run(str(house.clips)) == 0
    assert house.clips_published() == ["a.mp4"]
    house.put("a.mp4", b"other")
    assert house.run(str(house.clips)) == 0
    assert house.clips_published() == ["a.mp4", "a.mp4"]


def test_a_remembered_folder_that_is_gone_or_empty_is_told_and_costs_no_task(house):
    house.put("a.mp4", b"one")
    assert house.run(str(house.clips)) == 0
    away = house.clips.rename(house.folder / "away")
    assert house.run() == 75
    house.clips.mkdir()
    assert house.run() == 75
    house.clips.rmdir()
    away.rename(house.clips)
    assert house.run() == 0 and house.clips_published() == ["a.mp4"]


def test_a_mapped_share_that_is_away_is_told(house):
    house.host["host"]["storages"] = {"indoor_nas": {"path": str(house.folder / "nas")}}
    house.host_file.write_text(json.dumps(house.host))
    assert house.run() == 75


def test_a_watcher_takes_what_comes_while_it_watches(house):
    house.put("first.mp4", b"one")
    argv = [sys.executable, "-c", "from dashtools.commands._run import main; main('ingest')"]
    argv += [*house.options, "--settle", "0.1", "--watch", str(house.clips)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    watcher = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert watcher.stdout is not None
        assert "INGEST_VIDEO" in watcher.stdout.readline()
        house.put("second.mp4", b"two")
        assert "INGEST_VIDEO" in watcher.stdout.readline()
    finally:
        watcher.terminate()
        watcher.communicate(timeout=60)
    assert house.clips_published() == ["first.mp4", "second.mp4"]
