"""dc-finalize: works on FINALIZE_VIDEO tasks."""

from __future__ import annotations

import click

from dashtools.commands._run import Session, common, lines_of_stdin
from dashtools.commands._work import mode_options, work


@click.command()
@common
@mode_options
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
def command(session: Session, mode: str | None, tasks: tuple[str, ...]) -> int:
    """Sum up finished clips: works on FINALIZE_VIDEO tasks; prints the new path of each finished task.

    TASK is a path of the spool or a task id, - reads them from stdin; without any, whatever is ready is worked on.
    """
    words = list(lines_of_stdin()) if tasks == ("-",) else tasks
    return work(session, ["FINALIZE_VIDEO"], mode or "drain", words)
