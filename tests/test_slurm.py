"""A real Slurm on loopback: an array of workers drains a queue, and what a killed one held is done by another."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from dashtools.spool.queue import Spool

ROOT = Path(__file__).resolve().parent.parent
TASKS, WORKERS = 100, 4
PATIENCE_S = 300.0

pytestmark = pytest.mark.slow

CONF = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/slurmd
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={workers} RealMemory=256 Features=house State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def wait_for(condition, what: str):
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found


@pytest.fixture
def cluster(tmp_path) -> Iterator[dict[str, str]]:
    """The environment in which Slurm's commands speak to a cluster of one node."""
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"no Slurm here ({', '.join(missing) or 'slurmd wants root'}); Debian: slurm-wlm munge")
    folder = tmp_path / "slurm"
    for name in ("state", "slurmd"):
        (folder / name).mkdir(parents=True)
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    conf = folder / "slurm.conf"
    conf.write_text(CONF.format(host=socket.gethostname(), folder=folder, ports=free_ports(), workers=WORKERS))
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")
    environ = {**os.environ, "SLURM_CONF": str(conf)}
    of_munge = [f"--{name}={folder}/munge.{name}" for name in ("socket", "pid", "log", "seed")]
    of_munge = [word.replace("--pid=", "--pid-file=").replace("--log=", "--log-file=") for word in of_munge]
    of_munge = [word.replace("--seed=", "--seed-file=") for word in of_munge]
    daemons = (
        ["munged", "--foreground", "--force", f"--key-file={key}", *of_munge],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D"],
    )
    with contextlib.ExitStack() as stack:
        for argv in daemons:
            log = stack.enter_context(open(folder / f"{argv[0]}.out", "wb"))
            daemon = subprocess.Popen(argv, env=environ, stdout=log, stderr=log, start_new_session=True)
            stack.callback(ended, daemon)
            if argv[0] == "munged":
                wait_for((folder / "munge.socket").exists, "munged does not listen")
        idle = lambda: "idle" in asked(environ, "sinfo", "--noheader", "--format=%T")  # noqa: E731
        wait_for(idle, "the node does not come up: " + str(folder))
        yield environ


def ended(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        daemon.wait(20)
        return
    os.killpg(daemon.pid, signal.SIGKILL)
    daemon.wait()


def asked(environ: dict[str, str], *argv: str) -> str:
    return subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60).stdout


def clips(source: Path, folder: Path) -> Path:
    """Copies of a clip that differ by a free box at their end."""
    folder.mkdir()
    content = source.read_bytes()
    for number in range(TASKS):
        box = (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")
        (folder / f"clip{number:03d}.mp4").write_bytes(content + box)
    return folder


def frozen_holder(spool: Spool) -> int:
    """The pid of a worker that was stopped while it held a task."""
    for entry in spool.pending("INGEST_VIDEO"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if entry.worker:
                pid = int(orjson.loads(spool.files.read(f"workers/{entry.worker}.json"))["pid"])
                os.kill(pid, signal.SIGSTOP)
                if spool.has(entry):
                    return pid
                os.kill(pid, signal.SIGCONT)
    return 0


def test_an_array_of_workers_drains_a_queue_although_one_is_killed(cluster, tiny_drive, tmp_path):
    environ = {**cluster, "DASHTOOLS_SPOOL": str(tmp_path / "spool"), "DASHTOOLS_DATA": str(tmp_path / "data")}
    environ["DASHTOOLS_MAX_CONCURRENT_TASKS_PER_DEVICE"] = str(WORKERS)

    def dc(name: str, *words: str) -> str:
        argv = [sys.executable, str(ROOT / "bin" / f"dc-{name}"), *words]
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    dc("doctor", "--init")
    dc("ingest", "--publish-only", str(clips(tiny_drive[0], tmp_path / "clips")))
    spool = Spool.open(tmp_path / "spool")
    started = time.monotonic()
    output = f"--output={tmp_path}/worker-%a.log"
    job = dc("run", "--slurm", str(WORKERS), "--type", "INGEST_VIDEO", "--sbatch", "--constraint=house",
             "--sbatch", output)  # fmt: skip
    assert job.isdigit()
    victim = wait_for(lambda: frozen_holder(spool), f"no worker of job {job} claims anything")
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: not list(spool.pending("INGEST_VIDEO")), "the array does not drain the queue")
    print(f"{TASKS} tasks by {WORKERS} workers of job {job} in {time.monotonic() - started:.1f} s")
    done = list(spool.completed("INGEST_VIDEO"))
    assert len(done) == TASKS and all(entry.state == "complete" for entry in done)
    again = [entry for entry in done if entry.attempt > 1]
    assert len(again) == 1 and "died" in str(spool.load(again[0]).history)
    spool.files.close()
    wait_for(lambda: not asked(cluster, "squeue", "--noheader").strip(), "workers outlive an empty queue")
