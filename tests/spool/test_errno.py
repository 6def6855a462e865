"""One errno at a time at every call of every step: the task is where it was or where it should be, never in between."""

from __future__ import annotations

import errno
import importlib.util
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashtools.errors import ClaimLost, DashtoolsError
from dashtools.model import ChildTask, Task, with_changes
from dashtools.spool import atomic, scan
from dashtools.spool.compact import Compactor
from dashtools.spool.janitor import Janitor
from dashtools.spool.queue import Spool


def _beside(name: str):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


faults = _beside("faults")
ERRNOS = [
    "ENOSPC",
    "EDQUOT",
    "EROFS",
    "EACCES",
    "EIO",
    "ESTALE",
    "ETIMEDOUT",
    "ENOTCONN",
    "ENOMEM",
    "EMFILE",
    "EXDEV",
    "EINVAL",
]
CHILDREN = [ChildTask("NEXT", params={"n": 1}), ChildTask("NEXT", params={"n": 2})]
RAM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Stand:
    """A spool in which each step can be tried with a fault, and mended afterwards."""

    def __init__(self, root: Path) -> None:
        Spool.create(root)
        self.root, self.spool, self.claim = root, Spool.open(root), None

    def put(self) -> None:
        self.spool.publish(Task("t1", "TEST", "v"))

    def claim_it(self) -> None:
        self.claim = self.spool.claim(self.spool.scanner(["TEST"], {}))

    def commit(self) -> None:
        assert self.claim is not None
        final = with_changes(self.claim.task, state="complete", completed_at="2024-01-01T00:00:00Z")
        self.spool.commit(self.claim, final, children=CHILDREN, rows=b"{}\n")

    def release(self) -> None:
        assert self.claim is not None
        self.spool.release(self.claim, reason={"event": "failed"}, failures=1, delay_s=60)

    def requeue(self) -> None:
        self.spool.requeue(next(e for e in self.spool.completed() if e.task_type == "TEST"))

    def pack(self) -> None:
        for leaf in list(scan.leaves(self.spool.files)):
            Compactor(self.spool).compact(leaf)

    def requeue_packed(self) -> None:
        self.requeue()

    def places(self) -> list[str]:
        found = [*self.spool.pending(), *self.spool.completed()]
        return [entry.state for entry in found if entry.task_type == "TEST"]

    def children(self) -> int:
        return sum(1 for entry in self.spool.pending() if entry.task_type == "NEXT")


STEPS: dict[str, tuple[list[str], set[str], str]] = {
    # step: (what comes before, where the task was, where it should be)
    "put": ([], set(), "ready"),
    "claim_it": (["put"], {"ready"}, "claimed"),
    "commit": (["put", "claim_it"], {"claimed"}, "complete"),
    "release": (["put", "claim_it"], {"claimed"}, "delayed"),
    "requeue": (["put", "claim_it", "commit"], {"complete"}, "ready"),
    "pack": (["put", "claim_it", "commit"], {"complete"}, "complete"),
    "requeue_packed": (["put", "claim_it", "commit", "pack"], {"complete"}, "ready"),
}


@pytest.fixture
def stands() -> Iterator[Callable[[], Stand]]:
    made = []

    def stand() -> Stand:
        made.append(tempfile.mkdtemp(prefix="errno-", dir=RAM))
        return Stand(Path(made[-1]) / "spool")

    yield stand
    for folder in made:
        shutil.rmtree(folder)


@pytest.mark.parametrize("is_after", [False, True], ids=["refused", "reply lost"])
@pytest.mark.parametrize("name", ERRNOS)
@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_meets_an_error_leaves_the_task_whole(stands, monkeypatch, step, name, is_after):
    before, was, becomes = STEPS[step]
    system = faults.FaultyOs()
    for at in itertools.count():
        stand = stands()
        for earlier in before:
            getattr(stand, earlier)()
        monkeypatch.setattr(atomic, "os", system)
        system.arm(at, getattr(errno, name), is_after=is_after)
        said = None
        try:
            getattr(stand, step)()
        except (DashtoolsError, OSError, StopIteration) as error:
            said = error
        monkeypatch.setattr(atomic, "os", os)
        if not system.has_struck:
            break
        check(
            stand,
            said,
            was | {becomes} | ({"ready"} if step == "release" else set()),
            f"{step} {name} at {at} {system.last}",
        )
        mend(stand, step)
        assert stand.places() == [becomes], f"{step} {name} at {at} {system.last}"
        assert stand.children() == (2 if "commit" in [step, *before] else 0)
    assert at > 3


def check(stand: Stand, said: Exception | None, allowed: set[str], where: str) -> None:
    places = stand.places()
    assert len(places) == 1 or (not places and where.startswith("put")), where
    assert set(places) <= allowed, where
    if said is not None and not isinstance(said, ClaimLost):
        assert isinstance(said, DashtoolsError), f"{where}: {said!r}"
        assert str(stand.root) in str(said) and (";" in str(said) or "again" in str(said)), f"{where}: {said}"


def mend(stand: Stand, step: str) -> None:
    """The world is well again: what a worker and a janitor do then, until the step stands."""
    stand.spool.give_back_unsure()
    if step == "commit" and stand.places() == ["complete"]:
        Janitor(stand.spool, lease_s=60, max_failures=9).sweep()
        return
    done = STEPS[step][2]
    if stand.places() != [done]:
        if step == "release" and stand.places() == ["ready"]:
            stand.claim_it()
        getattr(stand, step)()
    Janitor(stand.spool, lease_s=60, max_failures=9).sweep()
    if step == "release" and stand.places() == ["ready"]:  # a full disk had no room for the delay
        stand.claim_it()
        stand.release()
