"""The worker with toy stages: every way an attempt can end."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from dashtools.attempt import Rules
from dashtools.errors import BackendUnavailable, BadInput, InputMissing, TryLater
from dashtools.interrupts import Stopped, stopping_by_signal
from dashtools.model import OUT, ChildTask, FileRef, Output, StageResult, Task
from dashtools.spool.janitor import Janitor, Tidied
from dashtools.spool.queue import Spool
from dashtools.worker import Plan, Worker


class Toy:
    """A stage whose work is a function of its context."""

    task_type = "TOY"
    kind = "toys"

    def __init__(self, act) -> None:
        self.act = act

    def __call__(self, context) -> StageResult:
        return self.act(context) or StageResult()


class Places:
    def __init__(self, root: Path) -> None:
        self.root = root

    def resolve(self, ref: FileRef) -> Path:
        if not (self.root / ref.path).exists():
            raise InputMissing(f"{ref.path} is not there")
        return self.root / ref.path

    def output_folder(self, kind: str):
        return "nas", self.root, kind


@pytest.fixture
def spool(tmp_path):
    Spool.create(tmp_path / "spool")
    opened = Spool.open(tmp_path / "spool")
    yield opened
    opened.files.close()


@pytest.fixture
def nas(tmp_path) -> Path:
    (tmp_path / "nas").mkdir()
    return tmp_path / "nas"


def work(spool, nas, act, *, max_failures=3, mode="drain", types=("TOY",)):
    plan = Plan(types, {}, {"key": "value"}, Rules(retry_delay_s=300, max_failures=max_failures))
    endings = []
    toys = {name: lambda: Toy(act) for name in types}
    worker = Worker(spool, plan, toys, Places(nas), report=lambda claim, ending: endings.append(ending))
    worker.run(mode)
    return endings


def put(spool, **fields):
    spool.publish(Task(task_id="t1", task_type="TOY", video_id="v", **fields))


def make_file(context):
    (context.out / "sub").mkdir()
    (context.out / "sub" / "a.txt").write_text("hello")
    return StageResult(
        outputs=(Output("sub/a.txt", "text"),),
        children=(ChildTask("NEXT", inputs=(FileRef(OUT, "sub/a.txt", "text"),)),),
        rows=({"table": "crops", "path": {OUT: "sub/a.txt"}, "n": 1},),
        metadata={"made": 1},
    )


def only(entries):
    (entry,) = entries
    return entry


def test_a_result_is_recorded_with_digests_and_placed_paths(spool, nas):
    put(spool)
    work(spool, nas, make_file)
    record = spool.load(only(spool.completed()))
    path = "toys/v/t1.a01/sub/a.txt"
    assert [(ref.device, ref.path, ref.size_bytes) for ref in record.outputs] == [("nas", path, 5)]
    assert record.outputs[0].sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert record.metadata["made"] == 1 and record.params["settings"] == {"key": "value"}
    assert spool.load(only(spool.pending())).inputs == (FileRef("nas", path, "text"),)
    assert f'"path":"{path}"' in only(spool.root.glob("complete/**/*.rows.jsonl")).read_text()


@pytest.mark.parametrize("error", [BadInput("torn"), InputMissing("gone")], ids=["bad input", "missing input"])
def test_what_another_try_cannot_mend_is_flagged_at_once(spool, nas, error):
    def act(context):
        (context.out / "half").touch()
        raise error

    put(spool)
    assert [ending.how for ending in work(spool, nas, act)] == ["flagged"]
    record = spool.load(only(spool.completed()))
    assert record.error["class"] == type(error).__name__ and record.error["retryable"] is False
    assert not list(nas.rglob("half"))


@pytest.mark.parametrize(
    "error",
    [TryLater("away"), OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EROFS, "Read-only")],
    ids=["share away", "disk full", "read-only"],
)
def test_waiting_for_the_world_counts_no_failure(spool, nas, error):
    def act(context):
        raise error

    put(spool)
    assert [ending.how for ending in work(spool, nas, act)] == ["wait"]
    entry = only(spool.pending("TOY"))
    assert (entry.state, entry.failures, entry.attempt) == ("delayed", 0, 1)


def test_a_fault_of_ours_is_retried_and_then_flagged_with_its_traceback(spool, nas):
    def act(context):
        raise ZeroDivisionError("oops")

    put(spool)
    assert [ending.how for ending in work(spool, nas, act, max_failures=2)] == ["retry"]
    entry = only(spool.pending())
    assert (entry.state, entry.failures) == ("delayed", 1)
    spool.files.rename(entry.path, f"pending/TOY/any/5/{entry.key[:13]}/{entry.key}.a01.f1.json")
    assert [ending.how for ending in work(spool, nas, act, max_failures=2)] == ["flagged"]
    record = spool.load(only(spool.completed()))
    assert "ZeroDivisionError" in record.error["traceback"]
    assert [h["event"] for h in record.history if "attempt" in h] == ["failed"]


def test_a_missing_model_leaves_the_task_ready_for_others(spool, nas):
    put(spool)
    plan = Plan(("TOY",), {}, {}, Rules(300, 3))

    def missing():
        raise BackendUnavailable("no model")

    worker = Worker(spool, plan, {"TOY": missing}, Places(nas))
    assert worker.run("drain") == 0
    assert set(worker.unavailable) == {"TOY"}
    assert only(spool.pending()).state == "ready"


@pytest.mark.parametrize("mode", ["drain", "watch"])
def test_a_device_that_falls_sick_at_work_ends_the_worker_and_costs_no_failure(spool, nas, mode):
    put(spool)

    def sick(context):
        raise BackendUnavailable("the GPU fails")

    worker = Worker(spool, Plan(("TOY",), {}, {}, Rules(300, 3)), {"TOY": lambda: Toy(sick)}, Places(nas))
    assert worker.run(mode) == 1
    assert set(worker.unavailable) == {"TOY"}
    assert [(entry.state, entry.failures) for entry in spool.pending()] == [("delayed", 0)]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_claim_back_and_leaves_the_spool_clean(spool, nas, signum):
    def act(context):
        (context.out / "half").touch()
        os.kill(os.getpid(), signum)
        for _ in range(10_000_000):  # the handler runs between two of these
            pass

    put(spool)
    with pytest.raises(Stopped), stopping_by_signal():
        work(spool, nas, act)
    entry = only(spool.pending())
    assert (entry.state, entry.failures, entry.attempt) == ("ready", 0, 1)
    assert spool.files.names("workers") == [] and spool.files.names("staging") == []
    assert not list(nas.rglob("half"))


def test_a_signal_during_the_commit_waits_until_it_stands(spool, nas, monkeypatch):
    rename = spool.files.rename

    def interrupting(source, target):
        rename(source, target)
        if target.startswith("complete/") and ".run~" in source:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(spool.files, "rename", interrupting)
    put(spool)
    with pytest.raises(Stopped), stopping_by_signal():
        work(spool, nas, make_file)
    assert spool.load(only(spool.completed())).state == "complete"
    assert only(spool.pending()).task_type == "NEXT"
    assert (nas / "toys/v/t1.a01/sub/a.txt").read_text() == "hello"


def test_leftovers_of_dead_attempts_go_with_the_next_commit(spool, nas):
    put(spool)
    (nas / "toys/v/t1.a00").mkdir(parents=True)
    work(spool, nas, make_file)
    assert [folder.name for folder in (nas / "toys/v").iterdir()] == ["t1.a01"]


def test_a_replaced_input_is_told_from_the_one_the_task_was_made_for(spool, nas):
    (nas / "clip.mp4").write_bytes(b"new bytes")
    put(spool, inputs=(FileRef("nas", "clip.mp4", "video", size_bytes=3),))
    work(spool, nas, make_file)
    assert "replaced" in spool.load(only(spool.completed())).error["message"]


def test_once_works_on_one_task(spool, nas):
    for n in range(3):
        spool.publish(Task(task_id=f"n{n}", task_type="TOY", video_id="v"))
    work(spool, nas, lambda context: None, mode="once")
    assert sorted(e.state for e in [*spool.pending(), *spool.completed()]) == ["complete", "ready", "ready"]


def test_outputs_stay_when_nobody_can_say_whether_the_commit_stands(spool, nas, monkeypatch):
    rename = spool.files.rename

    def losing(source, target):
        rename(source, target)
        if target.startswith("complete/") and ".run~" in source:
            raise TryLater("the reply was lost, and the share with it")

    monkeypatch.setattr(spool.files, "rename", losing)
    put(spool)
    work(spool, nas, make_file)
    Janitor(spool, lease_s=60, max_failures=3).sweep()
    record = spool.load(only(spool.completed()))
    assert record.state == "complete" and (nas / record.outputs[0].path).read_text() == "hello"


def test_an_orphan_is_taken_over_while_the_queue_is_long(spool, nas, monkeypatch):
    monkeypatch.setattr("dashtools.worker.POLL_S", (0.0, 0.0))
    rounds = []
    monkeypatch.setattr(Janitor, "round", lambda self: rounds.append(1) or Tidied())
    for n in range(4):
        spool.publish(Task(task_id=f"n{n}", task_type="TOY", video_id="v"))
    work(spool, nas, lambda context: None)
    assert len(rounds) >= 4


def test_a_worker_that_cannot_give_back_leaves_its_record_to_be_judged_by(spool, nas, monkeypatch):
    def act(context):
        def away(*_):
            raise TryLater("away")

        monkeypatch.setattr(spool.files, "rename", away)
        raise TryLater("away")

    put(spool)
    with pytest.raises(TryLater):
        work(spool, nas, act)
    assert [name for name in spool.files.names("workers") if name.endswith(".json")] == [f"{spool.me.worker}.json"]


def test_a_full_disk_asks_for_room_once_for_its_storage(spool, nas):
    def act(context):
        raise OSError(errno.ENOSPC, "No space left on device")

    for n in range(2):
        spool.publish(Task(task_id=f"n{n}", task_type="TOY", video_id="v"))
    work(spool, nas, act)
    assert only(spool.pending("CLEANUP_STORAGE")).state == "ready"


@pytest.mark.parametrize("comes_back", [True, False], ids=["and mounted again", "and stays away"])
def test_outputs_below_a_bare_mount_point_are_not_committed(spool, nas, monkeypatch, comes_back):
    """The stage wrote while the share was away; just when all is synced, it comes back or it does not."""

    def mounting(folder):
        if folder.name == "sub":
            nas.rename(nas.with_name("what lies below the mount point"))
            if comes_back:
                nas.mkdir()

    def guarded(places, kind):
        if not places.root.is_dir():
            raise TryLater("not mounted")
        return "nas", places.root, kind

    monkeypatch.setattr("dashtools.attempt.sync_folder", mounting)
    monkeypatch.setattr(Places, "output_folder", guarded)
    put(spool)
    ending = only(work(spool, nas, make_file))
    assert ending.how == "wait" and "mounted" in ending.message
    entry = only([*spool.pending(), *spool.completed()])
    assert (entry.state, entry.failures) == ("delayed", 0)
