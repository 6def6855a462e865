"""A small disk filled in the middle of each real stage, spool and storages on it: `disk_full.py FOLDER`, as root.

A worker is frozen as soon as it holds the stage's task, the disk is filled, and it goes on; when the task waits, the
ballast is taken away. Prints a JSON line for each stage; status 1 when something was lost, half, or told twice.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT.parent), str(ROOT)]
from small_disk import fill, small_disk  # noqa: E402

from dashtools.backends import synth  # noqa: E402
from dashtools.config_store import ConfigManager  # noqa: E402
from dashtools.model import TASK_TYPES  # noqa: E402
from dashtools.spool.queue import Spool  # noqa: E402
from dashtools.spool.reserve import NAME  # noqa: E402

STAGES = TASK_TYPES[:5]
PATIENCE_S = 240.0
DISK_MIB = 96


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        if time.monotonic() > end:
            raise SystemExit(f"in vain: {what}")
        time.sleep(0.001)
    return found


def frozen(spool: Spool, stage: str, pid: int) -> bool:
    """Was the worker stopped while it holds a task of the stage?"""
    held = [entry for entry in spool.pending(stage) if entry.state == "claimed"]
    if held:
        os.kill(pid, signal.SIGSTOP)
        if spool.has(held[0]):
            return True
        os.kill(pid, signal.SIGCONT)
    return False


def half_written(spool: Spool, data: Path) -> int:
    """Output files that no record names."""
    named = {f"{ref.device}/{ref.path}" for e in spool.completed() for ref in spool.load(e).outputs}
    there = {p.relative_to(data).as_posix() for n in ("indoor_nas", "shed_nas") for p in (data / n).rglob("*.a*/**/*")
             if p.is_file()}  # fmt: skip
    return len(there - named)


def one(disk: Path, clip: Path, stage: str, log: Path) -> dict[str, object]:
    environ = {**os.environ, "DASHTOOLS_SPOOL": str(disk / "spool"), "DASHTOOLS_DATA": str(disk / "data")}

    def argv(name: str, *words: str) -> list[str]:
        return [sys.executable, str(ROOT.parent / "bin" / f"dc-{name}"), *words]

    for name, *words in (("doctor", "--init"), ("ingest", "--publish-only", str(clip.parent))):
        subprocess.run(argv(name, *words), env=environ, check=True, stdout=subprocess.DEVNULL)
    ConfigManager(disk / "spool").update_config({"global": {"task_retry_delay_seconds": 1}})
    spool, ballast, data = Spool.open(disk / "spool"), disk / "ballast", next((disk / "data").iterdir())
    with open(log, "w") as stderr:
        command = argv("run", "--watch", "--jobs", "1")
        worker = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=stderr)
    wait_for(lambda: frozen(spool, stage, worker.pid), f"{stage} is claimed")
    fill(ballast)
    os.kill(worker.pid, signal.SIGCONT)
    wait_for(lambda: "is full" in log.read_text(), "somebody tells of the full disk")
    wait_for(lambda: not any(e.state == "claimed" for e in spool.pending()), "the task waits")
    failures = max(entry.failures for entry in spool.pending(stage))
    half = half_written(spool, data)
    ballast.unlink()
    started = time.monotonic()
    wait_for(lambda: sum(1 for _ in spool.completed()) == len(STAGES), "it goes on by itself")
    resumed_s = time.monotonic() - started
    wait_for(lambda: NAME in spool.files.names("."), "the reserve is there again")
    worker.send_signal(signal.SIGTERM)
    worker.wait()
    states = [entry.state for entry in spool.completed()]
    told = [line for line in log.read_text().splitlines() if "room was asked for" in line or "given up" in line]
    asked = sum(1 for _ in spool.pending("CLEANUP_STORAGE"))
    spool.files.close()
    found = {"stage": stage, "failures": failures, "half": half, "complete": states.count("complete"), "told": told}
    return {**found, "asked": asked, "resumed_s": round(resumed_s, 1)}


def main(folder: Path) -> int:
    folder.mkdir(parents=True)
    (clip,) = synth.make_drive(folder / "drive", synth.Plan(clip_s=3, clips=1, fps=10, width=640, height=360, seed=7))
    worst = 0
    for stage in STAGES:
        place = folder / stage
        place.mkdir()
        with small_disk(place, DISK_MIB) as disk:
            found = one(disk, clip, stage, place / "log")
        sound = (found["failures"], found["half"], found["complete"], found["asked"]) == (0, 0, len(STAGES), 1)
        is_once = len({line.partition(" ")[2] for line in found["told"]}) == len(found["told"])
        worst |= not (sound and is_once)
        print(orjson.dumps({**found, "sound": sound and is_once}).decode(), flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
