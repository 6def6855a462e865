"""dc-run: every stage that this host may do."""

from __future__ import annotations

from pathlib import Path

import click

from dashtools.commands._remote import run_remotely
from dashtools.commands._run import Session, common
from dashtools.commands._work import chosen, cores, mode_options, work, work_in_processes


@click.command()
@common
@mode_options
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Processes; one per core if the configuration allows."
)
@click.option("--type", "task_types", multiple=True, metavar="TYPE", help="Only these task types.")
@click.option("--server", metavar="URL", help="Work for this dc-web instead of a mounted spool.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Holds the server's token; else $DASHTOOLS_TOKEN.",
)
@click.option(
    "--slurm", "workers", type=click.IntRange(1), metavar="N", help="Let Slurm run N workers; prints its job."
)
@click.option("--sbatch", "wishes", multiple=True, metavar="OPTION", help="With --slurm: one of sbatch's options.")
def command(
    session: Session,
    mode: str | None,
    jobs: int | None,
    task_types: tuple[str, ...],
    server: str | None,
    token_file: Path | None,
    workers: int | None,
    wishes: tuple[str, ...],
) -> int:
    """Work on every task that this host may do until nothing is ready; prints the new path of each finished task."""
    if workers is not None:
        return _submit(session, workers, task_types, wishes)
    if server is not None:
        return run_remotely(session, server, token_file, mode or "drain", jobs, task_types)
    types = chosen(session.config, task_types)
    limit = session.config.global_settings["max_concurrent_tasks_per_device"]
    wanted = jobs if jobs is not None else min(cores(), limit or cores())
    if mode != "watch" and session.spool.is_idle():
        return 0  # spares the start of the workers
    if wanted == 1 or mode == "once":
        return work(session, types, mode or "drain")
    return work_in_processes(session, types, mode or "drain", wanted)


def _submit(session: Session, workers: int, task_types: tuple[str, ...], wishes: tuple[str, ...]) -> int:
    from dashtools.commands._slurm import script, submit

    job = submit(script(session, workers, task_types, wishes))
    session.emit("job", job, job=job, workers=workers)
    return 0
