"""dc-bench: proofs by endurance and by the clock."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from dashtools.commands._run import Session, common


@click.group(invoke_without_command=False)
def command() -> None:
    """Measure the queue, and prove by killing workers that it loses nothing; each works in a folder of its own."""


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
def soak(
    session: Session,
    events: int,
    worker_count: int,
    mounts: tuple[Path, Path] | None,
    folder: Path | None,
    seed: int,
    pause_s: float,
    locks_visible: bool,
) -> int:
    """Kill and freeze workers at random, then audit that nothing was lost or done twice; status 70 if it was."""
    from dashtools.bench.soak import Plan, Soak

    with tempfile.TemporaryDirectory(prefix="dc-bench-") as scratch:
        places = mounts or (folder or Path(scratch),)
        plan = Plan(places, events, worker_count, seed, session.lease_s or 2.0, pause_s, locks_visible=locks_visible)
        found = Soak(plan, Path(scratch) / "logs", say=click.echo).run()
        for line in found.lines():
            click.echo(line)
        if session.as_json:
            taken = dict(found.taken_over)
            session.emit("audit", "", faults=found.faults, tasks=found.tasks, taken_over=taken, seed=seed)
    return 70 if found.faults else 0
