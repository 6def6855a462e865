"""Task files: bytes and ids."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import orjson

from dashtools.errors import BadInput
from dashtools.model import ChildTask, Json, Task, with_changes
from dashtools.spool import layout
from dashtools.times import to_text, utc_now


def to_bytes(task: Task) -> bytes:
    """The file content of a task: indented JSON, keys in the order of the schema."""
    return orjson.dumps(task.to_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def from_bytes(content: bytes) -> Task:
    """The task in a file; BadInput says what is wrong with it."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"not JSON: {error}") from error
    return Task.from_json(value)


def new_id() -> str:
    """A random task id of 16 hexadecimal digits."""
    return uuid.uuid4().hex[:16]


def root_id(identity: str) -> str:
    """The id of a root task, from what makes it unique (for a clip: its content's digest).

    >>> root_id("a" * 64) == root_id("a" * 64)
    True
    """
    return hashlib.blake2b(f"root:{identity}".encode(), digest_size=8).hexdigest()


def child_id(parent: Task, child: ChildTask, index: int) -> str:
    """The id of a parent's child: the same whoever computes it and however often the parent was claimed.

    It depends on the parent's generation (how often it was completed before), not on its attempt: a crash between
    claims must not change an id, while a requeue of a finished task must give new children.
    """
    what: list[Any] = [parent.task_id, parent.generation, child.task_type, index, child.params]
    text = orjson.dumps(what, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def child_task(parent: Task, child: ChildTask, index: int) -> Task:
    """The task that a stage's wish becomes."""
    return Task(
        task_id=child_id(parent, child, index),
        task_type=child.task_type,
        video_id=child.video_id or parent.video_id,
        priority=parent.priority if child.priority is None else child.priority,
        created_at=parent.created_at,
        parent_id=parent.task_id,
        inputs=child.inputs,
        metadata=child.metadata,
        device_capabilities_required=child.device_capabilities_required,
        params={**child.params, "parent_generation": parent.generation},
    )


def reopened(task: Task) -> Task:
    """A task as a worker must see it: one that still carries a completion gets it moved into its history."""
    if task.state != "complete":
        return task
    entry: Json = {"event": "complete", "at": task.completed_at, "attempt": task.attempt}
    if task.error is not None:
        entry["error"] = {k: task.error.get(k) for k in ("class", "message")}
    return with_changes(
        task,
        state="pending",
        completed_at=None,
        outputs=(),
        error=None,
        failures=0,
        history=(*task.history, entry),
    )


def brought_back(task: Task, attempt: int, priority: int | None, *, by: str) -> Task:
    """The task that takes a final record's place in pending/; it names who brought it back."""
    back = reopened(with_changes(task, attempt=attempt))
    told: Json = {"event": "requeued", "at": to_text(utc_now()), "by": by}
    level = task.priority if priority is None else priority
    return with_changes(back, priority=level, history=(*back.history, told))


def requirement(task: Task) -> str:
    """The requirement directory of a task."""
    return layout.requirement_of(task.device_capabilities_required)


def ready_path(task: Task, key: str) -> str:
    """Where a task waits; BadInput when its priority or capabilities give no place."""
    folder = layout.pending_folder(task.task_type, requirement(task), task.priority, key)
    return f"{folder}/{layout.ready_name(key, task.attempt, task.failures)}"
