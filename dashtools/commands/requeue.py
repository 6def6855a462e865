"""dc-requeue: brings completed tasks back."""

from __future__ import annotations

from collections.abc import Iterator

import click

from dashtools.commands._run import Session, common, entry_for, lines_of_stdin


@click.command()
@common
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@click.option("--failed", is_flag=True, help="All tasks with the error flag.")
@click.option("--type", "task_type", metavar="TYPE", help="With --failed: only this task type.")
@click.option("--reason", metavar="TEXT", help="With --failed: only errors whose class or message holds TEXT.")
@click.option("--priority", type=click.IntRange(0, 9), help="The new priority, 0 first; ready tasks are moved too.")
@click.option("--dry-run", is_flag=True, help="Only print what would be moved.")
def command(
    session: Session,
    tasks: tuple[str, ...],
    failed: bool,
    task_type: str | None,
    reason: str | None,
    priority: int | None,
    dry_run: bool,
) -> int:
    """Put completed tasks back to pending as new attempts; prints the new paths. History is kept.

    TASK is a path of the spool or a task id. Without any and without --failed, lines of stdin are read:
    dc-ls --failed | dc-requeue
    """
    from dashtools.errors import BadInput

    status = 0
    for word in _words(session, tasks, failed, task_type, reason):
        try:
            entry = entry_for(session, word)
            if entry.is_pending and (priority is None or entry.state != "ready"):
                raise BadInput(f"{word} is {entry.state} already")
        except BadInput as error:
            click.echo(f"dc-requeue: {error}", err=True)
            status = BadInput.exit_status
            continue
        path = session.spool.root / entry.path
        if not dry_run:
            move = session.spool.reprioritize if entry.is_pending else session.spool.requeue
            moved = move(entry, priority=priority)  # type: ignore[operator]
            if moved is None:
                click.echo(f"dc-requeue: {word} moved meanwhile", err=True)
                continue
            path = moved
        session.emit("task", str(path), path=str(path), task_id=entry.task_id, task_type=entry.task_type)
    return status


def _words(
    session: Session, tasks: tuple[str, ...], failed: bool, task_type: str | None, reason: str | None
) -> Iterator[str]:
    if not failed:
        yield from tasks or list(lines_of_stdin())
        return
    for entry in list(session.spool.completed(task_type)):
        if entry.state != "failed":
            continue
        try:
            error = session.spool.load(entry).error or {}
        except FileNotFoundError:
            continue  # it was requeued meanwhile
        if reason is None or reason.lower() in f"{error.get('class')} {error.get('message')}".lower():
            yield entry.path
