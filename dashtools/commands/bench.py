"""dc-bench: proofs by endurance and by the clock."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from dashtools.commands._plates import plates
from dashtools.commands._run import Session, common


@click.group(invoke_without_command=False)
def command() -> None:
    """Measure the queue and the reading of plates, and prove by killing workers that the queue loses nothing."""


command.add_command(plates)


@command.command()
@common
@click.option("--kills", "events", type=click.IntRange(1), default=200, metavar="N", help="kill -9 and SIGSTOP events.")
@click.option("--workers", "worker_count", type=click.IntRange(1), default=4, metavar="W", help="Worker processes.")
@click.option(
    "--mounts", nargs=2, type=click.Path(path_type=Path), metavar="A B", help="Two mounts of one share to work on."
)
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR", help="A folder to work in, else a new one.")
@click.option("--seed", type=int, default=1, metavar="N", help="For the same dice again.")
@click.option("--pause", "pause_s", type=float, default=0.03, metavar="SECONDS", help="Mean time between events.")
@click.option("--locks-visible", is_flag=True, help="Let workers judge others by their locks too.")
@click.option("--longest", "longest_s", type=float, metavar="SECONDS", help="No more events after this long.")
@click.option("--remount", metavar="COMMAND", help="A shell command that unmounts B and mounts it again; an event too.")
def soak(
    session: Session,
    events: int,
    worker_count: int,
    mounts: tuple[Path, Path] | None,
    folder: Path | None,
    seed: int,
    pause_s: float,
    locks_visible: bool,
    remount: str | None,
    longest_s: float | None,
) -> int:
    """Kill and freeze workers at random, then audit that nothing was lost or done twice; status 70 if it was."""
    from dashtools.bench.soak import Plan, Soak

    with tempfile.TemporaryDirectory(prefix="dc-bench-") as scratch:
        places = mounts or (folder or Path(scratch),)
        lease_s = session.lease_s or 2.0
        options = {"locks_visible": locks_visible, "remount": remount, "longest_s": longest_s or float("inf")}
        plan = Plan(places, events, worker_count, seed, lease_s, pause_s, **options)  # type: ignore[arg-type]
        found = Soak(plan, Path(scratch) / "logs", say=click.echo).run()
        for line in found.lines():
            click.echo(line)
        if session.as_json:
            taken = dict(found.taken_over)
            session.emit("audit", "", faults=found.faults, tasks=found.tasks, taken_over=taken, seed=seed)
    return 70 if found.faults else 0


@command.command()
@common
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR", help="Where to work.")
@click.option("--depth", "depths", type=int, multiple=True, metavar="N", help="Ready tasks; may be given again.")
@click.option("--processes", "processes", type=int, multiple=True, metavar="N", help="Workers; may be given again.")
@click.option("--seconds", type=float, default=5.0, metavar="S", help="How long each is measured.")
@click.option("--peers", is_flag=True, help="Also other queues, installed for the moment (needs a package index).")
@click.option("--peers-python", metavar="PYTHON", help="Also other queues, by a Python that has them.")
def queue(
    session: Session,
    folder: Path | None,
    depths: tuple[int, ...],
    processes: tuple[int, ...],
    seconds: float,
    peers: bool,
    peers_python: str | None,
) -> None:
    """Measure claims and completions per second, beside the bare system calls and other queues, in one run."""
    from dashtools.bench import speed

    with tempfile.TemporaryDirectory(prefix="dc-bench-", dir=folder) as scratch:
        wanted = list(depths) or [1000, 10_000]
        for text, fields in speed.report(Path(scratch), wanted, list(processes) or [1, 2, 4], seconds):
            session.emit("speed", text, **fields)
        python = peers_python or (_venv(Path(scratch)) if peers else None)
        for depth in wanted if python else ():
            _peers(session, str(python), Path(scratch), depth, seconds, list(processes) or [1, 2, 4])


def _venv(scratch: Path) -> Path:
    """A Python with the peers, for this run only."""
    import subprocess
    import sys

    python = scratch / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
    names = ["huey", "persist-queue", "dirq", "litequeue", "filelock"]  # the extra `bench` of setup.cfg
    subprocess.run([str(python), "-m", "pip", "install", "-q", *names], check=True)
    return python


def _peers(session: Session, python: str, scratch: Path, depth: int, seconds: float, processes: list[int]) -> None:
    import subprocess

    import orjson

    from dashtools.bench import peers as script

    numbers = [str(depth), str(seconds), *map(str, processes)]
    argv = [python, str(script.__file__), str(scratch / "peers"), *numbers]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        for line in running.stdout:
            found = orjson.loads(line)
            session.emit("peer", f"{found['name']:26}{_about_peer(found)}", **found)


def _about_peer(found: dict[str, Any]) -> str:
    if "killed" in found:
        return f"{found['depth']} tasks, put {found['puts_per_s']:.0f}/s; a killed worker's task is {found['killed']}"
    if "rate" not in found:
        return str(found["error"])
    how = f"{found['latency_ms']} ms a call" if found["latency_ms"] else f"{found['processes']} processes"
    notes = [f"{found['twice']} handed out twice"] if found["twice"] else []
    notes += [found["error"]] if found["error"] else []
    return f"{how:14}{found['rate']:10.0f}/s {'; '.join(notes)}"
