"""Kills and freezes workers at random moments while others go on, then audits what is left.

One process conducts: it forks the workers, each on one of the mounts and under one of the host names, publishes root
tasks, requeues finished ones, and looks after orphans as a timer's `dc-reap` would, for the workers live too short to
see a lease run out. One more packs the leaves that all others work in; it is killed and frozen like them.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dashtools import worker as workers
from dashtools.attempt import Ending, Rules
from dashtools.bench.audit import Audit, audit
from dashtools.bench.toys import TYPE, ToyPlaces, ToyStage
from dashtools.errors import TaskSystemError, TryLater
from dashtools.model import Task
from dashtools.spool import scan, share
from dashtools.spool.compact import Compactor
from dashtools.spool.janitor import Janitor
from dashtools.spool.queue import Claim, Spool
from dashtools.spool.task import root_id

NEVER = 10**6
WORKER_POLL_S = (0.05, 0.3)
FAN = [3, 2]
PACKER_RESTS = 4.0  # times as long as it worked
REMOUNT_SHARE = 0.01


@dataclass(frozen=True)
class Plan:
    """What a soak does; `mounts` are folders of the same share."""

    mounts: Sequence[Path]
    events: int
    workers: int
    seed: int
    lease_s: float = 2.0
    pause_s: float = 0.03
    keep_ready: int = 16
    locks_visible: bool = False
    drain_s: float = 600.0
    longest_s: float = float("inf")
    """After this long no more events, though there were fewer."""
    remount: str | None = None
    """A shell command that takes a mount away and brings it back."""


@dataclass
class Soak:
    """A running soak."""

    plan: Plan
    logs: Path
    say: Callable[[str], None] = print
    events: Counter[str] = field(default_factory=Counter)
    roots: list[str] = field(default_factory=list)
    requeued: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.plan.seed)
        self._alive: dict[int, int] = {}
        self._frozen: dict[int, float] = {}
        folder = self.plan.mounts[0] / "soak"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        Spool.create(folder / "spool")
        ToyPlaces.create(folder)
        self._spool = Spool.open(folder / "spool", host_id="conductor")
        share.write(self._spool.files, {"locks_visible": self.plan.locks_visible}, self._spool.me.worker)
        self._janitor = Janitor(self._spool, lease_s=self.plan.lease_s, max_failures=NEVER)
        self._tidied_at = 0.0
        self._started = 0

    def run(self) -> Audit:
        """All events, then rest, then the audit."""
        started = time.monotonic()
        for place in range(self.plan.workers + 1):
            self._start(place)
        while self._is_on(time.monotonic() - started):
            self._step()
        self.say(f"{dict(self.events)} in {time.monotonic() - started:.0f} s; waiting for rest")
        self._rest()
        found = audit(self._spool, self.roots, self.requeued, self.logs)
        _pack_all(self._spool)
        again = audit(self._spool, self.roots, self.requeued, self.logs)
        found.faults += [f"packed: {fault}" for fault in again.faults if fault not in found.faults]
        self.say(f"seed {self.plan.seed}, {self.plan.workers} workers, {time.monotonic() - started:.0f} s in all")
        return found

    def _is_on(self, spent_s: float) -> bool:
        return self.events["SIGKILL"] + self.events["SIGSTOP"] < self.plan.events and spent_s < self.plan.longest_s

    def _step(self) -> None:
        self._feed()
        self._look_after()
        if self.plan.remount and self._dice.random() < REMOUNT_SHARE:
            subprocess.run(["sh", "-c", self.plan.remount], check=True)
            self.events["remount"] += 1
        place = self._dice.choice(sorted(self._alive))
        pid = self._alive[place]
        if place not in self._frozen and self._dice.random() < 0.3:
            os.kill(pid, signal.SIGSTOP)
            self._frozen[place] = time.monotonic() + self._dice.uniform(0.0, 2.5 * self.plan.lease_s)
            self.events["SIGSTOP"] += 1
        else:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self._frozen.pop(place, None)
            self.events["SIGKILL"] += 1
            self._start(place)
        time.sleep(self._dice.expovariate(1 / self.plan.pause_s))

    def _look_after(self) -> None:
        now = time.monotonic()
        for place in [place for place, until in self._frozen.items() if until < now]:
            os.kill(self._alive[place], signal.SIGCONT)
            del self._frozen[place]
        for place, pid in list(self._alive.items()):
            if os.waitpid(pid, os.WNOHANG)[0]:  # ended by itself: stderr says why
                self._frozen.pop(place, None)
                self.events["ended"] += 1
                self._start(place)
        if now - self._tidied_at > self.plan.lease_s / 8:
            self._janitor.round()
            self._tidied_at = time.monotonic()

    def _feed(self) -> None:
        if sum(1 for _ in self._spool.pending(TYPE)) < self.plan.keep_ready:
            task_id = root_id(f"{self.plan.seed}.{len(self.roots)}")
            made = self._spool.publish(Task(task_id, TYPE, "v", params={"fan": FAN, "leave": True}))
            if made is None:
                raise TaskSystemError(f"{task_id} was known before it was published")
            self.roots.append(task_id)
        if self._dice.random() < 0.05:
            done = list(self._spool.completed(TYPE))
            entry = self._dice.choice(done) if done else None
            with contextlib.suppress(TryLater):  # it is being activated
                if entry is not None and self._spool.requeue(entry) is not None:
                    self.requeued[entry.task_id] += 1

    def _rest(self) -> None:
        for place in self._frozen:
            os.kill(self._alive[place], signal.SIGCONT)
        self._frozen.clear()
        end = time.monotonic() + self.plan.drain_s
        while any(True for _ in self._spool.pending(TYPE)) and time.monotonic() < end:
            self._look_after()
            time.sleep(0.2)
        for pid in self._alive.values():
            os.kill(pid, signal.SIGTERM)
        for pid in self._alive.values():
            os.waitpid(pid, 0)
        for _ in range(12):  # so long that every lease has run out
            self._janitor.sweep()
            time.sleep(self.plan.lease_s / 8)

    def _start(self, place: int) -> None:
        """Forks the worker of a place: its mount follows from the place.

        That of the first place shares the conductor's host, so that its death is seen by its pid; each of the others
        has a host of its own that is never seen again, so that only its heartbeat and its lock can tell.
        """
        self._started += 1
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            self._alive[place] = pid
            return
        status = 70
        try:
            host = f"host{self._started}" if place else "conductor"
            work = _work if place < self.plan.workers else _pack
            status = work(self.plan, place, host, self.logs)
        finally:
            os._exit(status)


def _work(plan: Plan, place: int, host: str, logs: Path) -> int:
    from dashtools.interrupts import Stopped, stopping_by_signal

    mount = plan.mounts[place % len(plan.mounts)] / "soak"
    workers.POLL_S = WORKER_POLL_S
    spool = Spool.open(mount / "spool", host_id=host)
    log = os.open(logs / f"{spool.me.worker}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def report(claim: Claim, ending: Ending) -> None:
        if ending.how == "complete":
            os.write(log, f"{claim.entry.task_id} {claim.entry.attempt}\n".encode())

    what = workers.Plan([TYPE], {}, {}, Rules(retry_delay_s=0.1, max_failures=NEVER), lease_s=plan.lease_s)
    try:
        with stopping_by_signal():
            workers.Worker(spool, what, {TYPE: ToyStage}, ToyPlaces(mount), report=report).run("watch")
    except Stopped:
        return 0
    return 0


def _pack(plan: Plan, place: int, host: str, logs: Path) -> int:
    spool = Spool.open(plan.mounts[place % len(plan.mounts)] / "soak" / "spool", host_id=host)
    while True:
        started = time.monotonic()
        _pack_all(spool)
        time.sleep(PACKER_RESTS * (time.monotonic() - started))


def _pack_all(spool: Spool) -> None:
    compactor = Compactor(spool)
    for leaf in list(scan.leaves(spool.files)):
        compactor.compact(leaf)
