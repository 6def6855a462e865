"""The queue's tools as a person pipes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dashtools.model import Task, with_changes
from dashtools.spool.queue import Spool
from dashtools.spool.workers import Identity
from dashtools.times import to_text, utc_now

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def root(tmp_path) -> Path:
    Spool.create(tmp_path / "spool")
    return tmp_path / "spool"


def dc(root: Path, name: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(ROOT / "bin" / f"dc-{name}"), "--spool", str(root), *arguments]
    environ = {**os.environ, "DASHTOOLS_DATA": str(root.parent / "data")}
    return subprocess.run(argv, capture_output=True, text=True, input=stdin, timeout=120, env=environ)


def fail(root: Path, task_id: str, message: str) -> None:
    spool = Spool.open(root)
    spool.publish(Task(task_id=task_id, task_type="TEST", video_id="v"))
    claim = spool.claim(spool.scanner(["TEST"], {}))
    error = {"class": "BadInput", "message": message, "retryable": False, "traceback": None}
    spool.commit(claim, with_changes(claim.task, state="complete", completed_at="2024-01-01T00:00:00Z", error=error))


def test_put_prints_the_path_of_the_file_it_made(root):
    done = dc(root, "put", stdin='{"task_type": "TEST", "video_id": "v", "task_id": "mine"}')
    assert done.returncode == 0
    assert json.loads(Path(done.stdout.strip()).read_text())["task_id"] == "mine"


def test_put_takes_json_lines_and_one_bad_line_does_not_stop_the_rest(root):
    lines = ['{"task_type": "TEST", "video_id": "v"}', '{"task_type": "lower", "video_id": "v"}'] * 2
    done = dc(root, "put", stdin="\n".join(lines))
    assert done.returncode == 65 and len(done.stdout.splitlines()) == 2 and "lower" in done.stderr


@pytest.mark.parametrize(
    "stdin", ["", "[1]", "{oops", '{"video_id": "v"}'], ids=["empty", "no object", "torn", "no type"]
)
def test_put_refuses_what_is_no_task(root, stdin):
    done = dc(root, "put", stdin=stdin)
    assert done.returncode == 65 and done.stderr and not done.stdout


def test_failed_tasks_go_back_through_a_pipe(root):
    fail(root, "t1", "torn")
    listed = dc(root, "ls", "--failed")
    assert listed.stdout.strip().endswith(".err.json")
    moved = dc(root, "requeue", stdin=listed.stdout)
    assert moved.returncode == 0 and Path(moved.stdout.strip()).is_file()
    assert dc(root, "ls", "--failed").stdout == ""
    assert dc(root, "ls", "--state", "pending").stdout == moved.stdout


def test_requeue_by_reason_touches_only_those(root):
    fail(root, "t1", "no moov box")
    fail(root, "t2", "zero bytes")
    dry = dc(root, "requeue", "--failed", "--reason", "MOOV", "--dry-run")
    assert "t1" in dry.stdout and len(dry.stdout.splitlines()) == 1
    assert len(dc(root, "ls", "--failed").stdout.splitlines()) == 2
    dc(root, "requeue", "--failed", "--reason", "MOOV")
    assert "t2" in dc(root, "ls", "--failed").stdout


def test_ls_says_as_json_why_a_task_failed(root):
    fail(root, "t1", "torn at byte 7")
    line = json.loads(dc(root, "ls", "--failed", "--json").stdout)
    assert (line["type"], line["reason"], line["state"]) == ("task", "torn at byte 7", "failed")


def test_show_prints_a_task_whole(root):
    fail(root, "t1", "torn")
    shown = json.loads(dc(root, "show", "t1").stdout)
    assert shown["is"] == "failed" and shown["error"]["message"] == "torn"


def test_a_task_that_nobody_knows_is_a_data_error(root):
    done = dc(root, "show", "nothing")
    assert done.returncode == 65 and "no such task" in done.stderr


def test_an_unmounted_share_is_tried_later(tmp_path):
    (tmp_path / "empty").mkdir()
    done = dc(tmp_path / "empty", "ls")
    assert done.returncode == 75 and "not mounted" in done.stderr


def test_a_closed_pipe_is_no_error_message(root):
    for n in range(30):
        fail(root, f"t{n}", "torn")
    argv = f"{sys.executable} {ROOT}/bin/dc-ls --spool {root} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", argv], capture_output=True, text=True, timeout=120)
    assert done.stderr == "" and done.returncode in (0, 141)


def test_status_counts_by_type_and_state(root):
    fail(root, "t1", "torn")
    line = json.loads(dc(root, "status", "--json").stdout.splitlines()[0])
    assert (line["task_type"], line["failed"], line["ready"]) == ("TEST", 1, 0)


def test_status_tells_the_rate_and_how_long_the_rest_takes(root):
    for n in range(3):
        complete(root, f"t{n}")
    dc(root, "put", stdin='{"task_type": "TEST", "video_id": "v"}')
    line = json.loads(dc(root, "status", "--json").stdout.splitlines()[0])
    assert line["rate_per_min"] > 0 and 0 < line["eta_s"] < 900


def complete(root: Path, task_id: str) -> None:
    spool = Spool.open(root)
    spool.publish(Task(task_id=task_id, task_type="TEST", video_id="v"))
    claim = spool.claim(spool.scanner(["TEST"], {}))
    spool.commit(claim, with_changes(claim.task, state="complete", completed_at=to_text(utc_now())))


def claimed_by(root: Path, task_id: str, identity: Identity) -> None:
    """A task that a worker of that identity holds; the record of a far one is old."""
    spool = Spool.open(root)
    spool.publish(Task(task_id=task_id, task_type="TEST", video_id="v"))
    spool.me = identity
    assert spool.claim(spool.scanner(["TEST"], {}))
    record = root / "workers" / f"{identity.worker}.json"
    record.write_text(json.dumps({**identity.to_json(), "beat": 1}))
    if identity.host == "far":
        os.utime(record, (1e9, 1e9))


def test_orphans_are_told_from_tasks_that_are_worked_on(root):
    me = Identity.mine()
    claimed_by(root, "mine", me)
    claimed_by(root, "killed", replace(me, worker=f"{me.host}~{me.world}~4194999~1~dead", pid=4194999, start="1"))
    claimed_by(root, "far", replace(me, worker="far~0~1~1~x", host="far"))
    listed = dc(root, "ls", "--orphans", "--json").stdout.splitlines()
    assert sorted(json.loads(line)["task_id"] for line in listed) == ["far", "killed"]
    assert "far" in dc(root, "ls", "--host", "far").stdout


def test_a_claim_is_stuck_when_it_is_held_longer_than_a_stage_may_take(root, monkeypatch):
    claimed_by(root, "t1", Identity.mine())
    assert dc(root, "ls", "--stuck").stdout == ""
    monkeypatch.setenv("DASHTOOLS_STAGE_TIMEOUT_SECONDS", "1")
    path = next(root.glob("pending/**/*.run~*"))
    while time.time() - path.stat().st_ctime < 1.1:
        dc(root, "ls", "--stuck")
    assert "t1" in dc(root, "ls", "--stuck").stdout


def test_ls_by_age_lists_only_what_is_older(root):
    dc(root, "put", stdin='{"task_type": "TEST", "video_id": "v"}')
    assert dc(root, "ls", "--age", "1h").stdout == "" and dc(root, "ls", "--age", "0s").stdout
    assert dc(root, "ls", "--age", "soon").returncode == 64


def test_priority_moves_a_ready_task(root):
    path = dc(root, "put", stdin='{"task_type": "TEST", "video_id": "v"}').stdout.strip()
    moved = dc(root, "requeue", path, "--priority", "0").stdout.strip()
    assert "/any/0/" in moved and Path(moved).is_file() and not Path(path).exists()


def hours_of(root: Path) -> list[Path]:
    return [path for path in root.glob("complete/TEST/*/*/*/*") if path.is_dir()]


def test_reap_packs_old_leaves_and_every_command_reads_them(root):
    fail(root, "bad", "moov is missing")
    fail(root, "worse", "no frames")
    before = dc(root, "ls", "--failed").stdout
    assert dc(root, "reap", "--compact").stdout == "" and len(hours_of(root)) == 1  # not old enough
    old = root / "complete/TEST/2020/01/01/00"
    old.parent.mkdir(parents=True)
    hours_of(root)[0].rename(old)
    pack = Path(dc(root, "reap", "--compact", "--older-than", "30d").stdout.strip())
    assert pack.parent == old and list(old.iterdir()) == [pack]
    listed = dc(root, "ls", "--failed").stdout
    assert [Path(line).name for line in listed.splitlines()] == [Path(line).name for line in before.splitlines()]
    assert (
        json.loads(dc(root, "show", "--json", listed.splitlines()[0]).stdout)["error"]["message"] == "moov is missing"
    )
    assert len(dc(root, "show", "--json", "v").stdout.splitlines()) == 2
    assert dc(root, "status", "--json").stdout.count('"failed":2') == 1
    moved = dc(root, "requeue", "--failed", "--reason", "moov").stdout.splitlines()
    assert len(moved) == 1 and "/pending/TEST/" in moved[0] and Path(moved[0]).is_file()
    assert len(dc(root, "ls", "--failed").stdout.splitlines()) == 1
    assert dc(root, "reap", "--compact", "--json").stdout.count('"records":1') == 1


@pytest.mark.parametrize("age", ["30 days", "-1", "old"])
def test_an_age_that_is_none_is_a_wrong_call(root, age):
    assert dc(root, "reap", "--compact", "--older-than", age).returncode == 64
