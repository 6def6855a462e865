"""A worker dies before or after each of its file operations, one at a time; nothing may be lost or doubled."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from dashtools.model import ChildTask, Task, with_changes
from dashtools.spool import scan
from dashtools.spool import task as tasks
from dashtools.spool.atomic import Files
from dashtools.spool.compact import Compactor
from dashtools.spool.janitor import Janitor
from dashtools.spool.queue import Spool
from dashtools.spool.workers import Identity

CHANGES = ("write", "rename", "link", "mkdirs", "rmdir", "unlink", "sync_folder")
CHILDREN = [ChildTask("NEXT", params={"n": 1}), ChildTask("NEXT", params={"n": 2})]


class Crash(BaseException):
    """The plug was pulled."""


class CrashingFiles(Files):
    """Dies at the n-th change: before it (even n) or after it (odd n)."""

    def __init__(self, root, at: int) -> None:
        super().__init__(root)
        self._left = at


def _crashing(name):
    plain = getattr(Files, name)

    def method(self, *arguments):
        if self._left < 0:
            raise Crash  # the dead do nothing more
        before, after = self._left == 0, self._left == 1
        self._left -= 2
        if before:
            raise Crash
        result = plain(self, *arguments)
        if after:
            self._left = -1
            raise Crash
        return result

    return method


for _name in CHANGES:
    setattr(CrashingFiles, _name, _crashing(_name))


def crashing_spool(root, at: int) -> Spool:
    whole = Spool.open(root)
    whole.files.close()
    me = Identity.mine()
    dead = replace(me, worker=f"{me.host}~{me.world}~4194999~1~dead", pid=4194999, start="1")
    (root / "workers" / f"{dead.worker}.json").write_bytes(orjson.dumps({**dead.to_json(), "beat": 1}))
    return Spool(root, CrashingFiles(root, at), whole.uuid, dead)


def finished(task: Task) -> Task:
    return with_changes(task, state="complete", completed_at="2024-01-01T00:00:00Z")


def life(spool: Spool) -> None:
    """All that a worker does with one task, a requeue included."""
    spool.publish(Task(task_id="root", task_type="TEST", video_id="v"))
    claim = spool.claim(spool.scanner(["TEST"], {}))
    if claim is not None:
        spool.release(claim, reason={"event": "failed"}, failures=1)
    claim = spool.claim(spool.scanner(["TEST"], {}))
    if claim is not None:
        spool.commit(claim, finished(claim.task), children=CHILDREN, rows=b"{}\n")


def mend_and_finish(root) -> Spool:
    spool = Spool.open(root)
    janitor = Janitor(spool, lease_s=60, max_failures=9)
    for _ in range(2):
        janitor.sweep()
    spool.publish(Task(task_id="root", task_type="TEST", video_id="v"))  # the caller tries again
    while (claim := spool.claim(spool.scanner(["TEST"], {}))) is not None:
        spool.commit(claim, finished(claim.task), children=CHILDREN, rows=b"{}\n")
    janitor.sweep()
    return spool


def expected_children() -> set[str]:
    root = Task(task_id="root", task_type="TEST", video_id="v")
    return {tasks.child_id(root, child, index) for index, child in enumerate(CHILDREN)}


@pytest.mark.parametrize("at", range(0, 120))
def test_a_crash_at_any_step_loses_and_doubles_nothing(tmp_path, at):
    root = tmp_path / "spool"
    Spool.create(root)
    crashed = crashing_spool(root, at)
    try:
        life(crashed)
    except Crash:
        pass
    else:
        pytest.skip("this life has fewer steps")
    spool = mend_and_finish(root)
    records = [entry for entry in spool.completed() if entry.task_type == "TEST"]
    children = [entry.task_id for entry in spool.pending() if entry.task_type == "NEXT"]
    assert [entry.task_id for entry in records] == ["root"]
    assert spool.load(records[0]).state == "complete"
    assert sorted(children) == sorted(expected_children())
    assert len(list(root.glob("complete/**/*.rows.jsonl"))) == 1
    assert spool.files.names("staging") == []
    assert [name for name in spool.files.names("tmp") if name.startswith("once~")] == []
    assert [name for name in spool.files.names("workers") if "dead" in name] == []


@pytest.mark.parametrize("is_packed", [False, True], ids=["a file", "packed"])
@pytest.mark.parametrize("at", range(0, 28))
def test_a_crash_in_a_requeue_keeps_the_task(tmp_path, at, is_packed):
    root = tmp_path / "spool"
    Spool.create(root)
    whole = Spool.open(root)
    life(whole)
    if is_packed:
        pack_all(whole)
    crashed = crashing_spool(root, at)
    try:
        crashed.requeue(next(e for e in crashed.completed() if e.task_type == "TEST"))
    except Crash:
        pass
    else:
        pytest.skip("a requeue has fewer steps")
    Janitor(whole, lease_s=60, max_failures=9).sweep()
    found = [entry for entry in [*whole.pending(), *whole.completed()] if entry.task_type == "TEST"]
    assert [entry.task_id for entry in found] == ["root"]
    if found[0].is_pending:
        claim = whole.claim(whole.scanner(["TEST"], {}))
        assert claim is not None and claim.task.generation == 1
    else:
        assert whole.rows(found[0]) == b"{}\n"


@pytest.mark.parametrize("again", [False, True], ids=["first", "joins a pack"])
@pytest.mark.parametrize("at", range(0, 24))
def test_a_crash_while_packing_changes_nothing_that_can_be_read(tmp_path, at, again):
    root = tmp_path / "spool"
    Spool.create(root)
    whole = Spool.open(root)
    life(whole)
    if again:
        pack_all(whole)
        whole.requeue(next(e for e in whole.completed() if e.task_type == "TEST"))
    mend_and_finish(root)
    before = says(whole)
    crashed = crashing_spool(root, at)
    try:
        pack_all(crashed)
    except Crash:
        pass
    else:
        pytest.skip("packing has fewer steps")
    assert says(whole) == before == says(Spool.open(root))
    Janitor(whole, lease_s=60, max_failures=9).sweep()
    pack_all(whole)
    assert says(whole) == before
    assert len([name for name in root.glob("complete/TEST/*/*/*/*/*") if name.suffix != ".moved"]) == 1


def pack_all(spool: Spool) -> None:
    for leaf in list(scan.leaves(spool.files)):
        Compactor(spool).compact(leaf)


def says(spool: Spool) -> dict[str, tuple[object, bytes | None]]:
    return {entry.path: (spool.load(entry), spool.rows(entry)) for entry in spool.completed()}
