"""dc-exec: any shell command as a stage."""

from __future__ import annotations

import click

from dashtools.commands._run import Session, common
from dashtools.commands._work import mode_options, status_after, worker_for


@click.command(context_settings={"allow_interspersed_args": False})
@common
@mode_options
@click.option("--type", "task_type", required=True, metavar="TYPE", help="The task type that the command works on.")
@click.option("--timeout", "timeout_s", type=float, metavar="SECONDS", help="Stop a command that runs longer.")
@click.argument("argv", nargs=-1, required=True, metavar="COMMAND...")
def command(session: Session, mode: str | None, task_type: str, timeout_s: float | None, argv: tuple[str, ...]) -> int:
    """Work on tasks of one type with any command, under the same guarantees as a stage.

    COMMAND gets the task's JSON on stdin and the local paths of its inputs by type, as JSON, in $DASHTOOLS_INPUTS. Its
    working directory is empty and private: files left there become the outputs. Lines on stdout, each a JSON object
    with a task_type, become child tasks. Exit status 0 completes the task; 65 and 66 complete it with the error flag;
    64, 69, 73, 74, 75, 78, 126 and 127 leave it pending; any other is tried again, max_failures times.
    """
    from dashtools.model import TASK_TYPE_PATTERN
    from dashtools.stages.command import CommandStage
    from dashtools.worker import Worker

    if not TASK_TYPE_PATTERN.match(task_type):
        raise click.UsageError(f"{task_type!r} is no task type: capital letters, digits and _")
    longest_s = float(session.config.global_settings["stage_timeout_seconds"])
    limit_s = min(timeout_s or longest_s, longest_s)
    found: list[Worker] = []
    stage = CommandStage(task_type, argv, timeout_s=limit_s, is_held=lambda: found[0].is_held())
    found.append(worker_for(session, [task_type], {task_type: lambda: stage}))
    found[0].run(mode or "drain")
    return status_after(found[0])
