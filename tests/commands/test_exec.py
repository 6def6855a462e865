"""dc-exec with real shell commands: every way that one can end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dashtools.notices import notices
from dashtools.spool.queue import Spool

ROOT = Path(__file__).resolve().parent.parent.parent


class House:
    """A spool with storages of its own."""

    def __init__(self, folder: Path) -> None:
        self.spool = folder / "spool"
        self.data = folder / "data"
        self.environ = {**os.environ, "DASHTOOLS_SPOOL": str(self.spool), "DASHTOOLS_DATA": str(self.data)}
        self.dc("doctor", "--init")

    def argv(self, name: str, *arguments: str) -> list[str]:
        return [sys.executable, str(ROOT / "bin" / f"dc-{name}"), *arguments]

    def dc(self, name: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(name, *arguments), env=self.environ, capture_output=True, text=True, input=stdin, timeout=60
        )

    def put(self, **fields: object) -> None:
        task = {"task_type": "SHOUT", "video_id": "v", "task_id": "t1", **fields}
        assert self.dc("put", stdin=json.dumps(task)).returncode == 0

    def sh(self, script: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self.dc("exec", "--type", "SHOUT", *options, "--", "sh", "-c", script)

    def tasks(self) -> list[dict]:
        return [json.loads(line) for line in self.dc("ls", "--json").stdout.splitlines()]

    def record(self) -> dict:
        return json.loads(self.dc("show", "t1").stdout)


def is_running(pid: int) -> bool:
    """Is there such a process, and not only its remains that nobody has waited for?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.fixture
def house(tmp_path) -> House:
    return House(tmp_path)


def test_a_command_gets_its_task_and_what_it_leaves_becomes_outputs_and_children(house):
    house.put(metadata={"clip": "a.mp4"}, params={"word": "hello"})
    child = (
        '{"task_type": "NEXT", "params": {"n": 1}, "inputs": [{"device": "$out", "path": "d/w.txt", "type": "txt"}]}'
    )
    word = 'import json,sys; print(json.load(sys.stdin)["params"]["word"])'
    done = house.sh(f"mkdir d; python3 -c '{word}' > d/w.txt; echo '{child}'")
    assert done.returncode == 0, done.stderr
    record = json.loads(Path(done.stdout.strip()).read_text())
    (output,) = record["outputs"]
    assert (output["device"], output["path"], output["type"]) == ("indoor_nas", "exec/v/t1.a01/d/w.txt", "txt")
    assert list(house.data.rglob("w.txt"))[0].read_text() == "hello\n"
    (pending,) = [t for t in house.tasks() if t["task_type"] == "NEXT"]
    child_task = json.loads(Path(pending["path"]).read_text())
    assert child_task["inputs"][0]["path"] == output["path"] and child_task["metadata"]["clip"] == "a.mp4"
    assert child_task["parent_id"] == "t1" and child_task["params"]["n"] == 1


@pytest.mark.parametrize(
    ("status", "state", "failures", "error"),
    [
        (65, "failed", 0, "BadInput"),
        (66, "failed", 0, "InputMissing"),
        (75, "delayed", 0, None),
        (69, "delayed", 0, None),
        (74, "delayed", 0, None),
        (70, "delayed", 1, None),
        (1, "delayed", 1, None),
    ],
)
def test_the_exit_status_decides(house, status, state, failures, error):
    house.put()
    assert house.sh(f"echo half > half; echo why >&2; exit {status}").returncode == 0
    (task,) = house.tasks()
    assert (task["state"], task["failures"], task["error_class"]) == (state, failures, error)
    assert not list(house.data.rglob("half"))
    if error:
        assert "why" in task["reason"]


@pytest.mark.parametrize(
    "line", ["not json", "[1]", '{"params": {}}', '{"task_type": "lower"}', '{"task_type": "N", "priority": 12}']
)
def test_a_line_that_is_no_task_is_a_data_error_and_publishes_nothing(house, line):
    house.put()
    house.sh(f"echo '{{\"task_type\": \"NEXT\"}}'; echo '{line}'")
    (task,) = house.tasks()
    assert (task["state"], task["error_class"]) == ("failed", "BadInput")


def test_max_failures_ends_in_the_error_flag(house):
    house.dc("config", "set", "global.task_retry_delay_seconds", "0")
    house.dc("config", "set", "global.max_failures", "2")
    house.put()
    house.sh("exit 1")
    house.sh("exit 1")
    record = house.record()
    assert record["is"] == "failed" and record["failures"] == 2


def test_a_command_that_runs_too_long_is_stopped_with_all_it_started(house, tmp_path):
    house.put()
    house.sh(f"sleep 300 & echo $! > {tmp_path}/pid; wait", "--timeout", "0.5")
    (task,) = house.tasks()
    assert (task["state"], task["failures"]) == ("delayed", 1)
    assert not is_running(int((tmp_path / "pid").read_text()))


def started(house: House, tmp_path: Path) -> tuple[subprocess.Popen[str], int]:
    """A dc-exec whose command's own child is running, and that child's pid."""
    script = f"sleep 300 & echo $! > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; wait"
    from inotify_simple import flags

    with notices([tmp_path], flags.MOVED_TO) as wait:
        argv = house.argv("exec", "--type", "SHOUT", "--", "sh", "-c", script)
        worker = subprocess.Popen(argv, env=house.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(60):
            wait(1.0)
            if (tmp_path / "pid").exists():
                break
    return worker, int((tmp_path / "pid").read_text())


def test_a_signal_ends_the_whole_group_and_gives_the_task_back(house, tmp_path):
    house.put()
    worker, pid = started(house, tmp_path)
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=30)
    assert worker.returncode == 143
    (task,) = house.tasks()
    assert (task["state"], task["failures"], task["attempt"]) == ("ready", 0, 1)
    assert not is_running(pid)
    assert Spool.open(house.spool).files.names("workers") == []


def test_a_lost_claim_ends_the_whole_group(house, tmp_path):
    house.put()
    worker, pid = started(house, tmp_path)
    spool = Spool.open(house.spool)
    (entry,) = spool.pending()
    spool.files.rename(entry.path, entry.path.rpartition("/")[0] + f"/{entry.key}.a01.f1.json.taken")
    _, said = worker.communicate(timeout=30)
    assert worker.returncode == 0 and "taken over" in said
    assert not is_running(pid)


def test_what_a_killed_worker_left_is_cleared_by_the_next_one(house, tmp_path):
    house.put()
    worker, pid = started(house, tmp_path)
    worker.kill()
    worker.communicate(timeout=30)
    os.kill(pid, signal.SIGKILL)  # the command's own child outlives a kill -9 of all above it
    (left,) = house.data.rglob("t1.a01")
    house.dc("exec", "--type", "OTHER", "--", "true")
    assert not left.exists()


def test_no_more_tasks_run_at_once_than_the_device_may(house, tmp_path):
    house.dc("config", "set", "global.max_concurrent_tasks_per_device", "1")
    for n in range(4):
        house.put(task_id=f"t{n}")
    script = f"mkdir {tmp_path}/busy || exit 65; sleep 0.2; rmdir {tmp_path}/busy"
    argv = house.argv("exec", "--type", "SHOUT", "--", "sh", "-c", script)
    workers = [subprocess.Popen(argv, env=house.environ, stdout=subprocess.DEVNULL) for _ in range(3)]
    for worker in workers:
        assert worker.wait(timeout=60) == 0
    assert [t["state"] for t in house.tasks()] == ["complete"] * 4


def test_a_command_that_is_not_there_leaves_the_task_pending(house):
    house.put()
    house.dc("exec", "--type", "SHOUT", "--", "no-such-command-anywhere")
    assert house.tasks()[0]["failures"] == 0 and house.tasks()[0]["state"] == "delayed"
