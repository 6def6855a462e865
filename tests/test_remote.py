"""A worker without the share: the spool looks as if it had been mounted, whatever breaks in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dashtools.attempt import Rules
from dashtools.backoff import NotNow
from dashtools.devices.server import Server
from dashtools.errors import BackendUnavailable, BadInput, ClaimLost
from dashtools.interrupts import Stopped, stopping_by_signal
from dashtools.model import OUT, ChildTask, FileRef, Output, StageResult, Task
from dashtools.remote import RemoteWorker, own_scratch
from dashtools.spool.queue import Spool
from dashtools.worker import Plan

pytest.importorskip("datasette")


class Toy:
    task_type, kind = "TOY", "exec"

    def __init__(self, act):
        self.act = act

    def __call__(self, context):
        return self.act(context) or StageResult()


class House:
    """A spool with a storage, a server of both, and remote workers."""

    def __init__(self, folder, serve):
        from dashtools.index.refresh import refresh
        from dashtools.web.api_settings import ApiSettings
        from dashtools.web.server import WebSettings

        self.folder, self.nas = folder, folder / "nas"
        self.nas.mkdir()
        Spool.create(folder / "spool")
        self.spool = Spool.open(folder / "spool")
        refresh(folder / "spool", folder / "index.db")
        api = ApiSettings(folder / "spool", max_failures=2, output_folder=lambda kind: ("nas", self.nas, kind))
        self.url = serve(WebSettings(folder / "index.db", {"nas": self.nas}, port=0, api=api))
        self.server = Server(self.url)

    def put(self, **fields):
        self.spool.publish(Task("t1", "TOY", "v", **fields))

    def work(self, act, mode="drain", server=None, **options):
        plan = Plan(("TOY",), {}, {"key": "value"}, Rules(300, 2), about={"device_id": "jet.local"})
        endings = []
        tools = {"TOY": (lambda: Toy(act)) if not isinstance(act, type) else act}
        worker = RemoteWorker(
            server or self.server,
            plan,
            tools,
            self.folder / "device",
            report=lambda held, ending: endings.append(ending.how),
            sleep=lambda seconds: None,
            **options,
        )
        worker.run(mode)
        return endings

    def states(self):
        return sorted((e.task_type, e.state, e.failures) for e in [*self.spool.pending(), *self.spool.completed()])


@pytest.fixture
def house(tmp_path, serve):
    house = House(tmp_path, serve)
    yield house
    house.spool.files.close()
    left = list((tmp_path / "device" / "remote").glob("*")) if (tmp_path / "device").exists() else []
    assert left == []  # nothing stays on the device


def make_file(context):
    (context.out / "sub").mkdir()
    (context.out / "sub" / "a.txt").write_bytes(b"".join(path.read_bytes() for path in context.paths.get("video", ())))
    context.progress(1.0, "made")
    return StageResult(
        outputs=(Output("sub/a.txt", "text"),),
        children=(ChildTask("NEXT", inputs=(FileRef(OUT, "sub/a.txt", "text"),), metadata={"clip": "x.mp4"}),),
        rows=({"table": "crops", "path": {OUT: "sub/a.txt"}, "n": 1},),
        metadata={"made": 1},
    )


def with_video(house, content=b"hello", **facts):
    (house.nas / "x.mp4").write_bytes(content)
    house.put(inputs=(FileRef("nas", "x.mp4", "video", **facts),))


def test_inputs_are_fetched_and_results_recorded_as_by_a_worker_with_the_share(house):
    with_video(house, size_bytes=5)
    assert house.work(make_file) == ["complete"]
    (record,) = [house.spool.load(entry) for entry in house.spool.completed()]
    path = "exec/v/t1.a01/sub/a.txt"
    assert [(ref.device, ref.path, ref.size_bytes) for ref in record.outputs] == [("nas", path, 5)]
    assert (house.nas / path).read_bytes() == b"hello"
    assert record.metadata["made"] == 1 and record.params["settings"] == {"key": "value"}
    (child,) = [house.spool.load(entry) for entry in house.spool.pending()]
    assert (child.inputs, child.parent_id) == ((FileRef("nas", path, "text"),), "t1")
    (rows,) = house.spool.root.glob("complete/**/*.rows.jsonl")
    assert f'"path":"{path}"' in rows.read_text()


@pytest.mark.parametrize("facts", [{"sha256": "0" * 64}, {"size_bytes": 4}], ids=["another digest", "another size"])
def test_another_file_than_the_task_was_made_for_is_flagged(house, facts):
    with_video(house, **facts)
    assert house.work(make_file) == ["flagged"]
    (record,) = [house.spool.load(entry) for entry in house.spool.completed()]
    assert record.error["class"] == "BadInput" and not record.error["retryable"]


def test_an_input_that_is_gone_is_flagged_as_missing(house):
    house.put(inputs=(FileRef("nas", "gone.mp4", "video"),))
    assert house.work(make_file) == ["flagged"]
    (record,) = [house.spool.load(entry) for entry in house.spool.completed()]
    assert record.error["class"] == "InputMissing"


def test_a_failure_of_ours_is_counted_and_the_last_one_keeps_its_traceback(house):
    def act(context):
        raise ZeroDivisionError("of all things")

    house.put()
    assert house.work(act) == ["retry"]
    assert house.states() == [("TOY", "delayed", 1)]
    (entry,) = house.spool.pending()
    os.rename(house.spool.root / entry.path, house.spool.root / "pending/TOY/any/5" / "x")
    target = house.spool.root / f"pending/TOY/any/5/{entry.key[:13]}/{entry.key}.a01.f1.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(house.spool.root / "pending/TOY/any/5" / "x", target)
    assert house.work(act) == ["retry"]
    (record,) = [house.spool.load(entry) for entry in house.spool.completed()]
    assert record.failures == 2 and "of all things" in record.error["traceback"]


def test_bytes_that_are_bad_are_flagged_and_a_busy_world_counts_nothing(house):
    def bad(context):
        raise BadInput("torn")

    def full(context):
        raise OSError(28, "No space left on device")

    house.put()
    assert house.work(full) == ["wait"]
    assert house.states() == [("TOY", "delayed", 0)]
    house.spool.publish(Task("t2", "TOY", "v"))
    assert house.work(bad) == ["flagged"]


def test_a_claim_that_was_taken_over_drops_the_work(house):
    def act(context):
        (entry,) = house.spool.pending()
        claim = next(iter((house.spool.root / "pending").rglob("*.run~*")))
        claim.rename(claim.with_name(f"{entry.key}.a01.f0.json"))
        return make_file(context)

    house.put()
    acts = iter([act, make_file])
    assert house.work(lambda context: next(acts)(context)) == ["complete"]
    (entry,) = house.spool.completed()
    assert entry.attempt == 2 and len(list(house.spool.pending())) == 1


def test_told_to_end_it_gives_the_task_back_at_once(house):
    def act(context):
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("the signal did not come")

    house.put()
    with pytest.raises(Stopped), stopping_by_signal():
        house.work(act)
    assert house.states() == [("TOY", "ready", 0)]


def test_a_missing_tool_leaves_the_task_to_others(house):
    class Broken:
        def __init__(self):
            raise BackendUnavailable("no model is installed")

    house.put()
    assert house.work(Broken) == []
    assert house.states() == [("TOY", "ready", 0)]


class Flaky:
    """A server that breaks off each request of a kind once, before or after it was carried out."""

    def __init__(self, server, name, is_done):
        self._server, self._name, self._is_done, self.url = server, name, is_done, server.url
        self._broke = False

    def __getattr__(self, name):
        real = getattr(self._server, name)
        if name != self._name:
            return real

        def once(*words):
            if not self._broke:
                self._broke = True
                if self._is_done:
                    real(*words)
                raise NotNow("the line broke")
            return real(*words)

        return once


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", ["claim", "fetch", "send", "complete"])
def test_a_line_that_breaks_costs_no_attempt(house, name, is_done):
    with_video(house, size_bytes=5)
    assert house.work(make_file, server=Flaky(house.server, name, is_done)) == ["complete"]
    (entry,) = house.spool.completed()
    assert entry.attempt == 1 and len(list(house.spool.pending())) == 1
    assert not list((house.spool.root / "workers").glob("http~*"))


def test_a_server_that_stays_away_ends_the_worker_with_try_later(house):
    with pytest.raises(NotNow):
        house.work(make_file, server=Server("http://127.0.0.1:1"), patience_s=0)


def test_the_heart_beats_while_the_stage_works_and_a_lost_claim_ends_it(house, monkeypatch):
    seen = []

    class Beating(Flaky):
        def claim(self, *words):
            got = self._server.claim(*words)
            return got and type(got)(got.claim, got.task, 0.01)

        def beat(self, held):
            seen.append(held.claim)
            raise ClaimLost("taken over")

    def act(context):
        for _ in range(6000):
            context.progress(0.5, "working")
            signal.sigtimedwait([], 0.01)
        pytest.fail("nobody ended the stage")

    house.put()
    assert house.work(act, server=Beating(house.server, "", False)) == []
    assert seen and house.states() == [("TOY", "claimed", 0)]  # as far as this spool knows, it still is


def test_what_a_killed_worker_left_is_cleared_and_what_a_living_one_uses_is_not(tmp_path):
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead.lock").touch()
    (tmp_path / "dead" / "clip.mp4").touch()
    with own_scratch(tmp_path) as first, own_scratch(tmp_path) as second:
        assert first.is_dir() and second.is_dir() and first != second
        assert not (tmp_path / "dead").exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_two_devices_over_http_and_two_on_files_do_each_task_once_whoever_is_killed():
    script = Path(__file__).resolve().parent / "benchmarks" / "http_and_files.py"
    environ = {**os.environ, "PYTHONPATH": str(script.parents[2])}
    command = [sys.executable, str(script), "--tasks", "100", "--kill-every", "1", "--most", "300"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
