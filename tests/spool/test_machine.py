"""Any sequence of steps by several workers, with faults in between: nothing is lost, nothing is done twice."""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dashtools.errors import ClaimLost, DashtoolsError
from dashtools.model import ChildTask, Task, with_changes
from dashtools.spool import atomic, compact, scan, workers
from dashtools.spool import task as tasks
from dashtools.spool.compact import Compactor
from dashtools.spool.janitor import Janitor
from dashtools.spool.packs import is_pack
from dashtools.spool.presence import Presence
from dashtools.spool.queue import Claim, Spool
from dashtools.spool.workers import Identity


def _beside(name: str):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


faults = _beside("faults")
IDS = ["alpha", "beta"]
ERRNOS = [errno.EIO, errno.ESTALE, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EXDEV, faults.Crash]
RAM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
LEASE_S = 60.0


def wishes(task: Task) -> list[ChildTask]:
    return [ChildTask("TEST", params={"depth": 1, "n": n}) for n in range(2)] if not task.params.get("depth") else []


class Hands:
    """A worker process: its view of the spool, what it holds, its janitor."""

    def __init__(self, root: Path, identity: Identity, clock) -> None:
        opened = Spool.open(root)
        self.spool = Spool(root, opened.files, opened.uuid, identity)
        Presence(self.spool.files, identity, lease_s=LEASE_S, about={}).beat()
        self.janitor = Janitor(self.spool, lease_s=LEASE_S, max_failures=10**6, clock=clock)
        self.claim: Claim | None = None


class Machine(RuleBasedStateMachine):
    """Three workers: two of this host, one of another; each may die and be born anew."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine-", dir=RAM))
        self.system, self.now_s, self.pids = faults.FaultyOs(), 0.0, {}
        self.plain_start, self.next_pid = workers._process_start, 2**22 + 1
        workers._process_start = lambda pid: self.pids.get(pid, "")
        Spool.create(self.folder / "spool")
        atomic.os, self.marks_life_s = self.system, compact.MARKS_LIFE_S
        self.hands = [self.born(host) for host in ("near", "near", "far")]
        self.zombies: list[Hands] = []
        self.published: set[str] = set()
        self.committed: list[tuple[str, int]] = []

    def born(self, host: str) -> Hands:
        pid, self.next_pid = self.next_pid, self.next_pid + 1
        self.pids[pid] = "1"
        me = Identity.mine(host)
        worker = f"{host}~{me.world}~{pid}~1~{pid % 9999:04d}"
        return Hands(self.folder / "spool", replace(me, worker=worker, pid=pid, start="1"), lambda: self.now_s)

    def attempt(self, who: int, step, fault) -> None:
        """One step of a worker, with a fault at one of its calls; a crash ends it, and another takes its place."""
        hand = self.hands[who]
        at, error, is_after = fault
        self.system.arm(at if at < 40 else -1, error, is_after=is_after)
        try:
            step(hand)
        except ClaimLost:
            hand.claim = None
        except (DashtoolsError, OSError):
            pass
        except faults.Crash:
            self.system.disarm()
            self.die(who)
        self.system.disarm()

    def die(self, who: int) -> None:
        hand = self.hands[who]
        del self.pids[hand.spool.me.pid]
        self.hands[who] = self.born(hand.spool.me.host)

    FAULT = st.tuples(st.integers(0, 60), st.sampled_from(ERRNOS), st.booleans())
    WHO = st.integers(0, 2)

    @rule(who=WHO, name=st.sampled_from(IDS), fault=FAULT)
    def publish(self, who, name, fault):
        self.published.add(name)
        self.attempt(who, lambda hand: hand.spool.publish(Task(name, "TEST", "v")), fault)

    @rule(who=WHO, fault=FAULT)
    def claim(self, who, fault):
        def step(hand):
            hand.spool.give_back_unsure()
            hand.claim = hand.spool.claim(hand.spool.scanner(["TEST"], {}))

        if self.hands[who].claim is None:
            self.attempt(who, step, fault)

    @rule(who=WHO, fault=FAULT, is_flagged=st.booleans())
    def commit(self, who, fault, is_flagged):
        def step(hand):
            task = hand.claim.task
            error = {"class": "X", "message": "y"} if is_flagged else None
            final = with_changes(task, state="complete", completed_at="2024-01-01T00:00:00Z", error=error)
            hand.spool.commit(hand.claim, final, children=wishes(task), rows=b"{}\n")
            self.committed.append((task.task_id, task.attempt))
            hand.claim = None

        if self.hands[who].claim is not None:
            self.attempt(who, step, fault)

    @rule(who=WHO, fault=FAULT, delay_s=st.sampled_from([0.0, 1e-6]))
    def release(self, who, fault, delay_s):
        def step(hand):
            hand.spool.release(hand.claim, reason={"event": "failed"}, failures=1, delay_s=delay_s)
            hand.claim = None

        if self.hands[who].claim is not None:
            self.attempt(who, step, fault)

    @rule(who=WHO, fault=FAULT, pick=st.integers(0, 99))
    def requeue(self, who, fault, pick):
        def step(hand):
            done = list(hand.spool.completed())
            if done:
                hand.spool.requeue(done[pick % len(done)], priority=pick % 10)

        self.attempt(who, step, fault)

    @rule(who=WHO, fault=FAULT, pick=st.integers(0, 99))
    def reprioritize(self, who, fault, pick):
        def step(hand):
            ready = [entry for entry in hand.spool.pending() if entry.state == "ready"]
            if ready:
                hand.spool.reprioritize(ready[pick % len(ready)], pick % 10)

        self.attempt(who, step, fault)

    @rule(who=WHO, fault=FAULT, is_thorough=st.booleans())
    def tidy(self, who, fault, is_thorough):
        self.attempt(who, lambda hand: hand.janitor.sweep() if is_thorough else hand.janitor.round(), fault)

    @rule(who=WHO, fault=FAULT)
    def compact(self, who, fault):
        def step(hand):
            for leaf in list(scan.leaves(hand.spool.files)):
                Compactor(hand.spool).compact(leaf)

        self.attempt(who, step, fault)

    @rule(is_short=st.booleans())
    def age_marks(self, is_short):
        """From now on marks are cleared at the next packing, or not."""
        compact.MARKS_LIFE_S = -60.0 if is_short else self.marks_life_s

    @rule(who=WHO)
    def kill(self, who):
        self.die(who)

    @precondition(lambda self: any(hand.claim for hand in self.hands))
    @rule(who=WHO)
    def freeze(self, who):
        """Its heart stands still for more than a lease, everybody else looks; then it goes on as if nothing were."""
        for _ in range(6):
            self.now_s += LEASE_S / 4
            for other, hand in enumerate(self.hands):
                if other != who:
                    Presence.beat(self._presence(hand))
            for other, hand in enumerate(self.hands):
                if other != who:
                    hand.janitor.round()

    def _presence(self, hand: Hands) -> Presence:
        presence = Presence(hand.spool.files, hand.spool.me, lease_s=LEASE_S, about={})
        presence._beat = int(self.now_s * 10)
        return presence

    @invariant()
    def no_task_is_in_two_places(self):
        self.system.disarm()
        spool = self.hands[0].spool
        ids = [entry.task_id for entry in [*spool.pending(), *spool.completed()]]
        assert len(ids) == len(set(ids))

    def teardown(self):
        try:
            self.finish()
        finally:
            atomic.os, workers._process_start, compact.MARKS_LIFE_S = os, self.plain_start, self.marks_life_s
            shutil.rmtree(self.folder)

    def finish(self):
        """Everybody dies; a fresh worker finds all that there must be, and nothing else."""
        self.system.disarm()
        self.pids.clear()
        fresh = self.born("near")
        for _ in range(8):
            self.now_s += LEASE_S / 4
            fresh.janitor.sweep()
        for name in sorted(self.published):
            fresh.spool.publish(Task(name, "TEST", "v"))
        while (claim := fresh.spool.claim(fresh.spool.scanner(["TEST"], {}))) is not None:
            final = with_changes(claim.task, state="complete", completed_at="2024-01-01T00:00:00Z")
            fresh.spool.commit(claim, final, children=wishes(claim.task), rows=b"{}\n")
        fresh.janitor.sweep()
        assert list(fresh.spool.pending()) == []
        records = {entry.task_id: fresh.spool.load(entry) for entry in fresh.spool.completed()}
        assert set(records) == self.published | set(self.expected(records))
        for task_id, attempt in self.committed:
            assert attempt in completions(records[task_id])
        for task in records.values():
            assert len(completions(task)) == len(set(completions(task))) and task.state == "complete"
        assert fresh.spool.files.names("staging") == []
        assert not [name for name in fresh.spool.files.names("tmp") if name.startswith("once~")]
        entries = list(fresh.spool.completed())
        assert all(fresh.spool.rows(entry) == b"{}\n" for entry in entries)
        for leaf in list(scan.leaves(fresh.spool.files)):
            Compactor(fresh.spool).compact(leaf)
            names = fresh.spool.files.names(leaf)
            assert [name for name in names if not name.endswith(".moved")] == [name for name in names if is_pack(name)]
            assert sum(map(is_pack, names)) == 1
        assert [entry.path for entry in fresh.spool.completed()] == [entry.path for entry in entries]
        assert {entry.task_id: fresh.spool.load(entry) for entry in entries} == records

    def expected(self, records):
        for name in self.published:
            root = records[name]
            for generation in range(root.generation + 1):
                history = tuple({"event": "complete"} for _ in range(generation))
                parent = Task(name, "TEST", "v", history=history)
                yield from (tasks.child_id(parent, wish, index) for index, wish in enumerate(wishes(parent)))


def completions(task: Task) -> list[int]:
    return [entry["attempt"] for entry in task.history if entry.get("event") == "complete"] + [task.attempt]


EXAMPLES = int(os.environ.get("DASHTOOLS_MACHINE_EXAMPLES", "60"))
TestMachine = pytest.mark.slow(Machine.TestCase)
TestMachine.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
