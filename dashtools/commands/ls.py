"""dc-ls: lists tasks, a path a line."""

from __future__ import annotations

import click

from dashtools.commands._run import Session, common

STATES = ("pending", "ready", "claimed", "delayed", "complete", "failed")


@click.command()
@common
@click.option("--type", "task_type", metavar="TYPE", help="Only this task type.")
@click.option("--state", type=click.Choice(STATES), help="Only this state; pending is ready, claimed and delayed.")
@click.option("--failed", is_flag=True, help="Only tasks that ended with the error flag.")
@click.option("--video", metavar="ID", help="Only tasks of this video (opens each file).")
@click.option("--reason", metavar="TEXT", help="With --failed: only errors whose class or message holds TEXT.")
def command(
    session: Session,
    task_type: str | None,
    state: str | None,
    failed: bool,
    video: str | None,
    reason: str | None,
) -> None:
    """List tasks: the path of each file of the spool, ready for cat, dc-show or dc-requeue."""
    from dashtools.spool import scan

    state = "failed" if failed or reason else state
    for entry in scan.everything(session.spool.files, task_type):
        if state and not (entry.state == state or (state == "pending" and entry.is_pending)):
            continue
        about = _about(session, entry) if video or reason or session.as_json else {}
        if about is None or (video and about.get("video_id") != video):
            continue
        if reason and reason.lower() not in f"{about.get('error_class')} {about.get('reason')}".lower():
            continue
        fields = {
            "path": str(session.spool.root / entry.path),
            "task_id": entry.task_id,
            "task_type": entry.task_type,
            "state": entry.state,
            "priority": entry.priority,
            "attempt": entry.attempt,
            "failures": entry.failures,
            "worker": entry.worker,
            "not_before": entry.not_before,
            **about,
        }
        session.emit("task", str(session.spool.root / entry.path), **fields)


def _about(session: Session, entry) -> dict | None:  # type: ignore[no-untyped-def]
    from dashtools.errors import BadInput

    try:
        task = session.spool.load(entry)
    except FileNotFoundError:
        return None
    except BadInput as error:
        return {"video_id": None, "reason": str(error)}
    error = task.error or {}
    about = {"video_id": task.video_id, "created_at": task.created_at, "completed_at": task.completed_at}
    if not entry.is_pending:
        about["priority"] = task.priority
    return {**about, "error_class": error.get("class"), "reason": error.get("message")}
