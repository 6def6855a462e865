"""A disk that is full in the middle of a stage: all waits in order, and goes on by itself when there is room."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

import pytest

from dashtools import worker as workers
from dashtools.attempt import Rules
from dashtools.interrupts import Stopped, stopping_by_signal
from dashtools.log import LOGGER
from dashtools.model import ChildTask, FileRef, Output, StageResult, Task
from dashtools.spool.queue import Spool
from dashtools.spool.reserve import NAME, Reserve
from dashtools.worker import Plan, Worker

sys.path.insert(0, str(Path(__file__).parent))

from small_disk import fill, small_disk

CHAIN = ["INGEST_VIDEO", "PREPROCESS_VIDEO", "HEAVY_PROCESS_VIDEO", "ARCHIVE_VIDEO", "FINALIZE_VIDEO"]
CLIPS, PART_BYTES = 3, 64 << 10
PATIENCE_S = 120.0

pytestmark = pytest.mark.slow


class Light:
    """A stage that writes two files and publishes the next; in the one to be hit, the disk fills up between them."""

    kind = "light"

    def __init__(self, task_type: str, ballast: Path | None) -> None:
        self.task_type, self._ballast = task_type, ballast

    def __call__(self, context) -> StageResult:
        (context.out / "first").write_bytes(b"1" * PART_BYTES)
        if self._ballast is not None and not self._ballast.exists() and not self._ballast.with_name("struck").exists():
            fill(self._ballast)
            self._ballast.with_name("struck").touch()
        with open(context.out / "second", "wb", buffering=0) as file:
            file.write(b"2" * PART_BYTES)
            os.fsync(file.fileno())
        following = CHAIN[CHAIN.index(self.task_type) + 1 :][:1]
        children = tuple(ChildTask(name, metadata=context.task.metadata) for name in following)
        return StageResult((Output("first", "x"), Output("second", "x")), children)


class Places:
    def __init__(self, root: Path) -> None:
        self._root = root

    def resolve(self, ref: FileRef) -> Path:
        return self._root / ref.path

    def output_folder(self, kind: str):
        return "indoor_nas", self._root, kind


def forked(spool_root: Path, nas: Path, log: Path, hit: str, ballast: Path) -> int:
    """The pid of a worker that watches until it is told to end."""
    pid = os.fork()
    if pid:
        return pid
    LOGGER.handlers[:] = [logging.FileHandler(log)]
    LOGGER.propagate = False
    workers.POLL_S = (0.05, 0.2)
    plan = Plan(CHAIN[::-1], {}, {}, Rules(retry_delay_s=0.2, max_failures=2), lease_s=5.0)
    stages = {name: (lambda n=name: Light(n, ballast if n == hit else None)) for name in CHAIN}
    try:
        with stopping_by_signal():
            Worker(Spool.open(spool_root), plan, stages, Places(nas)).run("watch")
    except Stopped:
        os._exit(0)
    finally:
        os._exit(70)


def wait_for(condition, what: str):
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found


def states(spool: Spool) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in spool.pending():
        found[f"{entry.task_type} f{entry.failures}"] = found.get(f"{entry.task_type} f{entry.failures}", 0) + 1
    return found


def half_written(spool: Spool, nas: Path) -> list[Path]:
    """Output folders that no record names."""
    named = {ref.path.rpartition("/")[0] for e in spool.completed() for ref in spool.load(e).outputs}
    there = {p.parent.relative_to(nas).as_posix() for p in (nas / "light").rglob("*") if p.is_file()}
    return sorted(there - named)


def asked_for_room(spool: Spool) -> int:
    return sum(1 for entry in spool.pending("CLEANUP_STORAGE"))


@pytest.fixture
def ended():
    pids: list[int] = []
    yield pids
    for pid in pids:
        os.kill(pid, 15)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("shared", [False, True], ids=["storage full", "storage and spool full"])
@pytest.mark.parametrize("hit", CHAIN)
def test_a_disk_that_fills_up_in_a_stage_delays_and_loses_nothing(tmp_path, ended, hit, shared):
    with small_disk(tmp_path, 40) as disk:
        root = disk / "spool" if shared else tmp_path / "spool"
        nas, ballast, log = disk / "nas", disk / "ballast", tmp_path / "log"
        nas.mkdir()
        Spool.create(root)
        spool = Spool.open(root)
        assert Reserve(spool.files).keep()
        for number in range(CLIPS):
            spool.publish(Task(f"clip{number}", CHAIN[0], f"v{number}"))
        ended.append(forked(root, nas, log, hit, ballast))
        wait_for(
            lambda: log.exists() and "is full" in log.read_text() and states(spool), "nobody told of the full disk"
        )
        wait_for(lambda: asked_for_room(spool), "nobody asked for room")
        assert states(spool).get(f"{hit} f1") is None, "a full disk is no failure"
        ballast.unlink()
        wait_for(lambda: set(states(spool)) <= {"CLEANUP_STORAGE f0"}, "it does not go on by itself")
        done = list(spool.completed())
        assert sorted(e.task_type for e in done) == sorted(CHAIN * CLIPS) and all(e.state == "complete" for e in done)
        assert half_written(spool, nas) == []
        assert asked_for_room(spool) == 1
        told = [line for line in log.read_text().splitlines() if "room was asked for" in line]
        assert len(told) == 1, log.read_text()
        wait_for(lambda: NAME in spool.files.names("."), "the reserve was not made again")
        os.kill(ended[-1], 15)
        assert os.waitstatus_to_exitcode(os.waitpid(ended.pop(), 0)[1]) == 0
        spool.files.close()


def test_a_full_spool_keeps_its_order_and_tells_once(tmp_path, ended):
    with small_disk(tmp_path, 40) as disk:
        root, nas, log, ballast = disk / "spool", tmp_path / "nas", tmp_path / "log", disk / "ballast"
        nas.mkdir()
        Spool.create(root)
        spool = Spool.open(root)
        assert Reserve(spool.files).keep()
        for number in range(CLIPS):
            spool.publish(Task(f"clip{number}", CHAIN[0], f"v{number}"))
        ended.append(forked(root, nas, log, CHAIN[1], ballast))
        wait_for(lambda: log.exists() and "reserve was given up" in log.read_text(), "the reserve was kept")
        wait_for(lambda: not any("run~" in e.path for e in spool.pending()), "a claim is still held")
        assert NAME not in spool.files.names(".") and asked_for_room(spool) == 0
        assert not spool.files.names("staging"), "what could not be committed was staged"
        ballast.unlink()
        wait_for(lambda: not states(spool), "it does not go on by itself")
        assert sorted(e.task_type for e in spool.completed()) == sorted(CHAIN * CLIPS)
        assert all(e.failures == 0 for e in spool.completed()) and half_written(spool, nas) == []
        assert log.read_text().count("reserve was given up") == 1
        wait_for(lambda: NAME in spool.files.names("."), "the reserve was not made again")
        os.kill(ended[-1], 15)
        assert os.waitstatus_to_exitcode(os.waitpid(ended.pop(), 0)[1]) == 0
        spool.files.close()
