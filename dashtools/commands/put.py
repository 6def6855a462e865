"""dc-put: publishes tasks from stdin."""

from __future__ import annotations

import sys
from typing import Any

import click

from dashtools.commands._run import Session, common
from dashtools.errors import BadInput
from dashtools.model import Task


@click.command()
@common
def command(session: Session) -> int:
    """Publish tasks: JSON objects on stdin (one, or one a line); prints the path of each new task.

    A task needs task_type and video_id. One with a task_id is published once for ever: known ids print nothing.
    """
    from dashtools.spool import task as tasks

    status = 0
    for value in _objects(sys.stdin.buffer.read()):
        try:
            value.setdefault("task_id", tasks.new_id())
            task = _checked(value)
        except BadInput as error:
            click.echo(f"dc-put: {error}", err=True)
            status = BadInput.exit_status
            continue
        path = session.spool.publish(task)
        if path is None:
            click.echo(f"dc-put: {task.task_id} is known already; dc-requeue brings a finished task back", err=True)
        else:
            session.emit("task", str(path), path=str(path), task_id=task.task_id, task_type=task.task_type)
    return status


def _objects(content: bytes) -> list[dict[str, Any]]:
    import orjson

    try:
        value = orjson.loads(content)
        values = value if isinstance(value, list) else [value]
    except orjson.JSONDecodeError:
        try:
            values = [orjson.loads(line) for line in content.splitlines() if line.strip()]
        except orjson.JSONDecodeError as error:
            raise BadInput(f"stdin is neither a JSON object nor JSON lines: {error}") from error
    if not values or not all(isinstance(value, dict) for value in values):
        raise BadInput('stdin holds no JSON object; give {"task_type": ..., "video_id": ...}')
    return values


def _checked(value: dict[str, Any]) -> Task:
    """The task, checked against schemas/task.schema.json."""
    from dashtools import schemas

    found = schemas.problems("task", Task.from_json(value).to_json())
    if found:
        raise BadInput(f"not a task: {'; '.join(found)}")
    return Task.from_json(value)
