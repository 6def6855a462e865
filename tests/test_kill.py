"""Workers that are killed or told to end: nothing changes in the end, and a polite end leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dashtools.spool.queue import Spool

ROOT = Path(__file__).resolve().parent.parent
KILLS = 50
SEED = 20241124

pytestmark = [pytest.mark.slow, pytest.mark.models]


class House:
    """A spool with its data folder, and the commands run on it."""

    def __init__(self, folder: Path, models: Path, clips: Path) -> None:
        self.spool = folder / "spool"
        folder.mkdir()
        self.environment = {
            **os.environ,
            "DASHTOOLS_SPOOL": str(self.spool),
            "DASHTOOLS_DATA": str(folder / "data"),
            "DASHTOOLS_MODELS": str(models),
        }
        self.dc("doctor", "--init")
        self.dc("ingest", "--publish-only", str(clips))

    def argv(self, name: str, *arguments: str) -> list[str]:
        return [sys.executable, str(ROOT / "bin" / f"dc-{name}"), *arguments]

    def dc(self, name: str, *arguments: str) -> str:
        done = subprocess.run(
            self.argv(name, *arguments), env=self.environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"dc-{name}: {done.stderr}"
        return done.stdout

    def run_and_kill(self, after_s: float) -> bool:
        """Starts dc-run in a process group and kills all of it; True when the kill came before the end."""
        worker = subprocess.Popen(
            self.argv("run", "--drain", "--jobs", "2"),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.wait(timeout=after_s)
            return False
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        wait_until_gone(worker.pid)
        return True

    def is_drained(self) -> bool:
        spool = Spool.open(self.spool)
        try:
            return not any(True for _ in spool.pending())
        finally:
            spool.files.close()

    def outcome(self) -> dict[str, object]:
        """All that must not depend on how often workers died; attempt numbers in paths are taken out."""
        spool = Spool.open(self.spool)
        tasks = {}
        for entry in spool.completed():
            task = spool.load(entry)
            files = sorted((without_attempt(ref.path), ref.sha256) for ref in task.outputs)
            tasks[task.task_id] = (task.task_type, entry.state, task.parent_id, files)
        leftovers = [spool.files.names(name) for name in ("staging", "workers")]
        spool.files.close()
        return {"tasks": tasks, "rows": self.rows(), "leftovers": leftovers}

    def rows(self) -> dict[str, list[str]]:
        self.dc("index", "rebuild")
        connection = sqlite3.connect(self.dc("index", "path").strip())
        found = {}
        for table in ("videos", "fixes", "filtering", "tracks", "sightings", "reads", "plates", "trips"):
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            wanted = ", ".join(name for name in names if name != "record")  # a hash of the record's file name
            lines = [str(row) for row in connection.execute(f"SELECT {wanted} FROM {table}")]
            found[table] = sorted(without_attempt(line) for line in lines)
        return found


def wait_until_gone(group: int) -> None:
    """Waits for the whole process group: who is killed inside an fsync lives on until the disk has answered."""
    end = time.monotonic() + 60
    while any(state not in ("Z", "X") for state in states_of(group)):
        assert time.monotonic() < end, f"process group {group} outlives SIGKILL"
        time.sleep(0.01)


def states_of(group: int) -> list[str]:
    """The states of a group's processes, as proc(5) has them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            found += [state] if int(its_group) == group else []
    return found


def without_attempt(text: str) -> str:
    return re.sub(r"(/[0-9a-f]{16})\.a\d+/", r"\1/", text)


@pytest.fixture(scope="module")
def models() -> Path:
    """The folder of installed weights; the test is skipped where they are not installed."""
    from dashtools.devices.models import models_folder, registry

    folder = models_folder()
    missing = [model.name for model in registry() if model.is_default and model.locate(folder) is None]
    if missing:
        pytest.skip(f"{missing} not installed; run: bin/dc-models install")
    return folder


@pytest.fixture(scope="module")
def clips(tiny_drive, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for clip in tiny_drive:
        shutil.copy2(clip, folder / clip.name)
        os.utime(folder / clip.name, (1_700_000_000, 1_700_000_000))
    (folder / "torn.MP4").write_bytes((folder / tiny_drive[0].name).read_bytes()[:5000])
    os.utime(folder / "torn.MP4", (1_700_000_000, 1_700_000_000))
    return folder


def test_kill_9_at_random_moments_changes_nothing(tmp_path, models, clips):
    undisturbed = House(tmp_path / "undisturbed", models, clips)
    undisturbed.dc("run", "--drain", "--jobs", "2")
    expected = undisturbed.outcome()
    assert len(expected["tasks"]) == 11 and expected["rows"]["videos"]  # 2 clips x 5 stages and the torn one
    dice, kills, number = random.Random(SEED), 0, 0
    while kills < KILLS:
        house = House(tmp_path / f"killed{number}", models, clips)
        number += 1
        for _ in range(6):  # a task may be killed 8 times before it is given up as a killer of workers
            kills += house.run_and_kill(dice.uniform(0.2, 6.0))
            if house.is_drained():
                break
        house.dc("run", "--drain", "--jobs", "2")
        assert house.outcome() == expected, f"after {kills} kills with seed {SEED}, in {house.spool}"


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_told_to_end_all_workers_give_their_claims_back(tmp_path, models, clips, signum, status):
    house = House(tmp_path / "house", models, clips)
    worker = subprocess.Popen(
        house.argv("run", "--drain", "--jobs", "2"),
        env=house.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    worker.stdout.readline()  # the first task is done: both workers are at it
    os.killpg(worker.pid, signum) if signum == signal.SIGINT else worker.send_signal(signum)
    worker.stdout.read()
    assert worker.wait(timeout=60) == status
    spool = Spool.open(house.spool)
    states = {entry.state for entry in spool.pending()}
    assert states == {"ready"}, "a claim was left behind"
    assert (spool.files.names("staging"), spool.files.names("workers")) == ([], [])
    spool.files.close()
