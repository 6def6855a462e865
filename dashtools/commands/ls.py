"""dc-ls: lists tasks, a path a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from dashtools.commands._run import Session, common

if TYPE_CHECKING:
    from dashtools.model import Json
    from dashtools.spool.layout import Entry

STATES = ("pending", "ready", "claimed", "delayed", "complete", "failed")
UNITS_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def seconds_of(context: click.Context, option: click.Parameter, text: str | None) -> float | None:
    """The seconds that 90, 90s, 15min, 2h or 3d mean."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|min|m|h|d)?", text)
    if match is None:
        raise click.BadParameter("give seconds, or a number with s, min, h or d, as in 2h")
    return float(match[1]) * UNITS_S[match[2] or "s"]


@click.command()
@common
@click.option("--type", "task_type", metavar="TYPE", help="Only this task type.")
@click.option("--state", type=click.Choice(STATES), help="Only this state; pending is ready, claimed and delayed.")
@click.option("--failed", is_flag=True, help="Only tasks that ended with the error flag.")
@click.option("--orphans", is_flag=True, help="Only claims of dead workers; dc-reap takes them over.")
@click.option("--stuck", is_flag=True, help="Only claims held longer than a stage may take.")
@click.option("--age", "age_s", metavar="AGE", callback=seconds_of, help="Only tasks made longer ago: 90s, 15min, 2h.")
@click.option("--host", metavar="NAME", help="Only claims of workers of this host.")
@click.option("--video", metavar="ID", help="Only tasks of this video (opens each file).")
@click.option("--reason", metavar="TEXT", help="Only errors whose class or message holds TEXT.")
def command(
    session: Session,
    task_type: str | None,
    state: str | None,
    failed: bool,
    orphans: bool,
    stuck: bool,
    age_s: float | None,
    host: str | None,
    video: str | None,
    reason: str | None,
) -> None:
    """List tasks: the path of each file of the spool, ready for cat, dc-show or dc-requeue."""
    wanted = "failed" if failed or reason else "claimed" if orphans or stuck or host else state
    asks = [*_by_name(wanted, age_s, host), *([_is_orphan(session)] if orphans else [])]
    asks += [_is_stuck(session)] if stuck else []
    for entry in _entries(session, task_type, wanted):
        if not all(ask(entry) for ask in asks):
            continue
        about = _about(session, entry) if video or reason or session.as_json else {}
        if about is None or (video and about.get("video_id") != video):
            continue
        if reason and reason.lower() not in f"{about.get('error_class')} {about.get('reason')}".lower():
            continue
        session.emit("task", str(session.spool.root / entry.path), **_fields(session, entry), **about)


def _entries(session: Session, task_type: str | None, wanted: str | None) -> Iterator[Entry]:
    if wanted not in ("complete", "failed"):
        yield from session.spool.pending(task_type)
    if wanted in (None, "complete", "failed"):
        yield from session.spool.completed(task_type)


def _by_name(wanted: str | None, age_s: float | None, host: str | None) -> Iterator[Callable[[Entry], bool]]:
    """Questions that a file's name answers."""
    from datetime import timedelta

    from dashtools.times import utc_now

    if wanted == "pending":
        yield lambda entry: entry.is_pending
    elif wanted is not None:
        yield lambda entry: entry.state == wanted
    if age_s is not None:
        limit = utc_now() - timedelta(seconds=age_s)
        yield lambda entry: entry.created <= limit
    if host is not None:
        yield lambda entry: str(entry.worker).partition("~")[0] == host


def _is_orphan(session: Session) -> Callable[[Entry], bool]:
    """A dead worker's claim, as one look can tell: of this host by its process, of another by the server's clock."""
    from dashtools.spool.observer import Observer

    lease_s = float(session.config.global_settings["lease_seconds"])
    observer, files, known = Observer(session.spool.files, session.spool.me, lease_s), session.spool.files, {}
    now_s = session.spool.now().timestamp()

    def is_dead(worker: str) -> bool:
        if observer.is_dead(worker):
            return True
        try:
            return now_s - files.mtime_ns(f"workers/{worker}.json") / 1e9 > lease_s
        except FileNotFoundError:
            return True

    def ask(entry: Entry) -> bool:
        worker = str(entry.worker)
        if worker not in known:
            known[worker] = is_dead(worker)
        return known[worker]

    return ask


def _is_stuck(session: Session) -> Callable[[Entry], bool]:
    """A claim whose folder entry is older than the longest time that a stage may take."""
    limit_s = float(session.config.global_settings["stage_timeout_seconds"])
    now_s = session.spool.now().timestamp()

    def ask(entry: Entry) -> bool:
        try:
            return now_s - session.spool.files.ctime_ns(entry.path) / 1e9 > limit_s
        except FileNotFoundError:
            return False

    return ask


def _fields(session: Session, entry: Entry) -> Json:
    return {
        "path": str(session.spool.root / entry.path),
        "task_id": entry.task_id,
        "task_type": entry.task_type,
        "state": entry.state,
        "attempt": entry.attempt,
        "failures": entry.failures,
        "worker": entry.worker,
        "not_before": entry.not_before,
        "priority": entry.priority,
    }


def _about(session: Session, entry: Entry) -> Json | None:
    from dashtools.errors import BadInput

    try:
        task = session.spool.load(entry)
    except FileNotFoundError:
        return None
    except BadInput as error:
        return {"video_id": None, "reason": str(error)}
    error = task.error or {}
    about: Json = {"video_id": task.video_id, "created_at": task.created_at, "completed_at": task.completed_at}
    return {**about, "error_class": error.get("class"), "reason": error.get("message")}
