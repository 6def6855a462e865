"""dc-show: one task or one video, whole."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from dashtools.commands._run import Session, common, entry_for, lines_of_stdin

if TYPE_CHECKING:
    from dashtools.spool.layout import Entry


@click.command()
@common
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
def command(session: Session, tasks: tuple[str, ...]) -> None:
    """Print tasks whole as JSON: the file, where it lies, and why earlier attempts ended.

    TASK is a path of the spool, a task id or a video id; without any, lines of stdin are read.
    """
    import orjson

    from dashtools.errors import BadInput

    for word in tasks or lines_of_stdin():
        try:
            entries = [entry_for(session, word)]
        except BadInput:
            entries = _of_video(session, word)
            if not entries:
                raise
        for entry in entries:
            whole = {
                "type": "task",
                "path": str(session.spool.root / entry.path),
                "is": entry.state,
                **session.spool.load(entry).to_json(),
                "attempts": session.spool.attempts(entry),
            }
            click.echo(orjson.dumps(whole, option=0 if session.as_json else orjson.OPT_INDENT_2))


def _of_video(session: Session, video_id: str) -> list[Entry]:
    from dashtools.errors import BadInput
    from dashtools.spool import scan

    found = []
    for entry in scan.everything(session.spool.files):
        with contextlib.suppress(FileNotFoundError, BadInput):  # it moved on, or is no task that has a video
            if session.spool.load(entry).video_id == video_id:
                found.append(entry)
    return found
