"""dc-run: every stage that this host may do."""

from __future__ import annotations

import click

from dashtools.commands._run import Session, common
from dashtools.commands._work import cores, mode_options, work, work_in_processes


@click.command()
@common
@mode_options
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Processes; one per core if the configuration allows."
)
@click.option("--type", "task_types", multiple=True, metavar="TYPE", help="Only these task types.")
def command(session: Session, mode: str | None, jobs: int | None, task_types: tuple[str, ...]) -> int:
    """Work on every task that this host may do until nothing is ready; prints the new path of each finished task."""
    allowed = session.config.task_types
    types = [name for name in task_types or allowed if name in allowed]
    if not types:
        raise click.UsageError(
            f"this device may do {', '.join(allowed) or 'nothing'}; see task_types in the configuration"
        )
    types = types[::-1]  # the last stage first, so that a clip is finished before the next is begun
    limit = session.config.global_settings["max_concurrent_tasks_per_device"]
    wanted = jobs if jobs is not None else min(cores(), limit or cores())
    if mode != "watch" and session.spool.is_idle():
        return 0  # spares the start of the workers
    if wanted == 1 or mode == "once":
        return work(session, types, mode or "drain")
    return work_in_processes(session, types, mode or "drain", wanted)
