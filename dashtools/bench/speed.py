"""The queue's speed beside the bare system calls that it cannot do without.

A childless task without rows costs, from ready to complete, the calls of `bare_life`: 2 creations (a folder, a file), 3
renames, 1 removal, and 4 fsyncs, each of which a power cut would otherwise turn into a loss: the record's content, its
name in the staging folder, that folder's name in staging/, and the record's name in its leaf.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dashtools.model import Task, with_changes
from dashtools.spool import atomic, layout
from dashtools.spool import task as tasks
from dashtools.spool.queue import Spool
from dashtools.times import UTC, to_text

TYPE = "BENCH"
START = datetime(2024, 1, 1, tzinfo=UTC)
BATCH = 10


def fill(root: Path, depth: int, *, per_minute: int = 1000) -> Spool:
    """A new spool with so many ready tasks, written without the ceremony of a publish."""
    Spool.create(root)
    spool = Spool.open(root)
    for number in range(depth):
        when = START + timedelta(minutes=number // per_minute, microseconds=number % per_minute)
        task = Task(f"t{number:07d}", TYPE, "v", created_at=to_text(when))
        path = root / tasks.ready_path(task, layout.make_key(when, task.task_id))
        if number % per_minute == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tasks.to_bytes(task))
    os.sync()
    return spool


class Ours:
    """Claims and completes tasks of a spool, one call after another."""

    def __init__(self, spool: Spool) -> None:
        self._spool, self._scanner = spool, spool.scanner([TYPE], {})

    def life(self) -> bool:
        """One task from ready to complete; False when none is left."""
        claim = self._spool.claim(self._scanner)
        if claim is None:
            return False
        self._spool.commit(claim, with_changes(claim.task, state="complete", completed_at="2024-01-01T00:00:00Z"))
        return True


class Bare:
    """The same renames, writes and fsyncs by nothing but system calls, on folders that are there already."""

    def __init__(self, folder: Path, count: int) -> None:
        for name in ("pending", "staging", "complete"):
            (folder / name).mkdir(parents=True)
        self._folder, self._count, self._next = folder, count, 0
        self._content = tasks.to_bytes(Task("t0000000", TYPE, "v", created_at=to_text(START)))
        for number in range(count):
            (folder / "pending" / f"t{number:07d}.json").write_bytes(self._content)
        os.sync()

    def life(self) -> bool:
        """One file through all that a task goes through."""
        if self._next == self._count:
            return False
        name, self._next = f"t{self._next:07d}", self._next + 1
        pending, staging, complete = (f"{self._folder}/{folder}" for folder in ("pending", "staging", "complete"))
        os.rename(f"{pending}/{name}.json", f"{pending}/{name}.run")
        fd = os.open(f"{pending}/{name}.run", os.O_RDONLY)
        content = os.read(fd, 1 << 20)
        os.close(fd)
        os.mkdir(f"{staging}/{name}")
        fd = os.open(f"{staging}/{name}/final.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(fd, content)
        os.fsync(fd)
        os.close(fd)
        _sync(f"{staging}/{name}")
        _sync(staging)
        os.rename(f"{pending}/{name}.run", f"{complete}/{name}.json")
        os.rename(f"{staging}/{name}/final.json", f"{complete}/{name}.json")
        _sync(complete)
        os.rmdir(f"{staging}/{name}")
        return True


def _sync(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def compared(lives: dict[str, Callable[[], bool]], seconds: float) -> dict[str, float]:
    """Lives per second of each, in turns of a few, so that whatever else the disk does hits all alike."""
    spent: dict[str, list[float]] = {name: [] for name in lives}
    for life in lives.values():
        life()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, life in lives.items():
            started = time.perf_counter()
            if not all(life() for _ in range(BATCH)):
                return {name: BATCH / statistics.median(each) for name, each in spent.items() if each}
            spent[name].append(time.perf_counter() - started)
    return {name: BATCH / statistics.median(each) for name, each in spent.items()}


def together(root: Path, processes: int, seconds: float) -> float:
    """Lives per second of several processes on one spool."""
    pipes = []
    for _ in range(processes):
        reader, writer = os.pipe()
        if os.fork() == 0:
            _count(root, seconds, writer)
        os.close(writer)
        pipes.append(reader)
    done = 0
    for reader in pipes:
        done += int(os.read(reader, 32) or b"0")
        os.close(reader)
        os.wait()
    return done / seconds


def _count(root: Path, seconds: float, writer: int) -> None:
    done = 0
    try:
        ours, end = Ours(Spool.open(root)), time.monotonic() + seconds
        while time.monotonic() < end and ours.life():
            done += 1
    finally:
        os.write(writer, str(done).encode())
        os._exit(0)


class SlowOs:
    """`os` on a share that answers late: every call on a name or a file costs a round trip more."""

    CALLS = ("open", "rename", "link", "mkdir", "rmdir", "unlink", "fsync", "listdir")

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        plain = getattr(os, name)
        if name not in self.CALLS:
            return plain

        def call(*arguments: Any, **options: Any) -> Any:
            self.calls[name] += 1
            if self._latency_s:
                time.sleep(self._latency_s)
            return plain(*arguments, **options)

        return call


def with_latency(spool: Spool, latency_s: float, seconds: float) -> tuple[float, dict[str, float]]:
    """Lives per second, and calls per life by name, where each call waits for the server."""
    ours, slow, done = Ours(spool), SlowOs(latency_s), 0
    ours.life()
    atomic.os = slow  # type: ignore[attr-defined]
    try:
        started = time.monotonic()
        while time.monotonic() - started < seconds and ours.life():
            done += 1
        return done / (time.monotonic() - started), {name: n / max(1, done) for name, n in slow.calls.items()}
    finally:
        atomic.os = os  # type: ignore[attr-defined]


def report(
    folder: Path, depths: list[int], processes: list[int], seconds: float
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lines of the table, as they are measured."""
    spools = {depth: fill(folder / f"depth{depth}", depth) for depth in depths}
    lives: dict[str, Callable[[], bool]] = {f"ours at {d}": Ours(spool).life for d, spool in spools.items()}
    rates = compared({**lives, "bare": Bare(folder / "bare", 20_000).life}, seconds)
    for name, rate in rates.items():
        yield f"{name:24}{rate:10.0f}/s {rate / rates['bare']:8.2f} of bare", {"name": name, "rate": rate}
    first, last = f"ours at {depths[0]}", f"ours at {depths[-1]}"
    if first in rates and last in rates and first != last:
        ratio = rates[last] / rates[first]
        yield f"depth {depths[-1]} to {depths[0]}: {ratio:.2f}", {"name": "depth ratio", "ratio": ratio}
    for count in processes:
        rate = together(folder / f"depth{depths[-1]}", count, min(seconds, 5.0))
        yield f"{count} processes{rate:24.0f}/s", {"name": f"{count} processes", "rate": rate}
    calls: dict[str, float] = {}
    for latency_ms in (0, 1, 5):
        rate, counted = with_latency(spools[depths[-1]], latency_ms / 1000, 3.0)
        calls, trips = calls or counted, sum(counted.values())
        text = f"{latency_ms} ms a round trip{rate:18.1f}/s {trips:8.1f} round trips a task"
        yield text, {"name": f"latency {latency_ms} ms", "rate": rate, "round_trips": trips}
    text = ", ".join(f"{n:.2f} {name}" for name, n in sorted(calls.items()))
    yield f"calls a task: {text}", {"name": "calls", "calls": calls}
