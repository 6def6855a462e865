"""Tasks through the API: list, publish, look at, complete without a claim; what is shown is read in the spool."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from datasette.utils.asgi import Response

from dashtools import schemas
from dashtools.errors import BadInput, ClaimLost
from dashtools.model import TASK_TYPE_PATTERN, ChildTask, FileRef, Json, Task, with_changes
from dashtools.spool import layout
from dashtools.spool import task as tasks
from dashtools.spool.layout import Entry
from dashtools.spool.queue import Spool
from dashtools.times import to_text, utc_now
from dashtools.web import listing
from dashtools.web.answers import ask
from dashtools.web.api import BASE, Call
from dashtools.web.bodies import read_json
from dashtools.web.problem import Problem, json_answer

STATES = ("pending", "ready", "claimed", "delayed", "complete", "failed")
MOST = 1000
VIDEO_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}\Z")


async def list_tasks(call: Call) -> Response:
    """Tasks, the waiting ones first, each oldest first; with a type and no state what a worker would get next.

    X-Total-Count holds how many there are without limit and offset. 404 when a worker of that type would get none.
    """
    args = call.request.args
    task_type, state = args.get("type"), args.get("state")
    if state is not None and state not in STATES:
        raise Problem(400, f"state is one of {', '.join(STATES)}")
    if task_type is not None and not TASK_TYPE_PATTERN.match(task_type):
        raise Problem(400, "type is of the form [A-Z][A-Z0-9_]*")
    is_pull = task_type is not None and state is None
    limit, offset = _number(args, "limit", 50, MOST), _number(args, "offset", 0, 10**9)

    def question(spool: Spool) -> tuple[list[Json], int]:
        page, total = listing.waiting(spool.files, task_type, "ready" if is_pull else state, offset, limit)
        return [shown for entry in page if (shown := _shown(spool, entry))], total

    page, total = await call.with_spool(question)
    if is_pull and not total:
        raise Problem(404, "No tasks pending")
    if not is_pull and state in (None, *listing.FINISHED):
        span = max(0, offset - total), limit - len(page) if offset + limit > total else 0
        more, count = await _finished(call, task_type, state, *span)
        page, total = page + more, total + count
    return json_answer(page, headers={"x-total-count": str(total)})


async def _finished(
    call: Call, task_type: str | None, state: str | None, offset: int, limit: int
) -> tuple[list[Json], int]:
    """A page of final records, found by the index and read in the spool, and how many the index knows."""
    entries, total = await ask(call.datasette, lambda c: listing.finished(c, task_type, state, offset, limit))
    page = await call.with_spool(lambda spool: [shown for e in entries if (shown := _shown(spool, e))])
    return page, total


def _number(args: Any, name: str, default: int, most: int) -> int:
    text = args.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > most:
        raise Problem(400, f"{name} is a number from 0 to {most}")
    return int(text)


def _shown(spool: Spool, entry: Entry) -> Json | None:
    """A task as the API shows it; None when it moved on while it was looked at."""
    try:
        return document(spool.load(entry), entry)
    except FileNotFoundError:
        return None
    except BadInput as error:
        stand_in = Task(entry.task_id, entry.task_type, "", state="pending" if entry.is_pending else "complete")
        return {**document(stand_in, entry), "problem": str(error)}


def document(task: Task, entry: Entry) -> Json:
    """The task's own JSON, with what its place in the spool says laid over it."""
    shown = {**task.to_json(), "condition": entry.state, "priority": entry.priority, "attempt": entry.attempt}
    if not entry.is_pending:
        shown["priority"] = task.priority
    return {**shown, "failures": entry.failures if entry.is_pending else task.failures}


async def finder(call: Call) -> Callable[[Spool], Entry]:
    """What gives, in a thread, where the task of this request is now; 404 when there is none of that id."""
    task_id = call.variable("id")
    hints = await ask(call.datasette, lambda c: listing.known_paths(c, task_id))

    def find(spool: Spool) -> Entry:
        entry = listing.found(spool, task_id, hints)
        if entry is None:
            raise Problem(404, f"no task {task_id}")
        return entry

    return find


async def get_task(call: Call) -> Response:
    """One task as it is now."""
    find = await finder(call)

    def question(spool: Spool) -> Json:
        for _ in range(3):  # it may move between the listing and the reading
            shown = _shown(spool, find(spool))
            if shown is not None:
                return shown
        raise Problem(503, "the task moves; try again", retry_after="1")

    return json_answer(await call.with_spool(question))


async def post_task(call: Call) -> Response:
    """Publishes a new task; 409 when its task_id is known already."""
    value = await read_json(call.request, call.receive)
    if not isinstance(value, dict):
        raise Problem(400, 'send a JSON object: {"task_type": ..., "video_id": ...}')
    value.setdefault("task_id", tasks.new_id())
    task = checked(value)

    def publish(spool: Spool) -> Json:
        path = spool.publish(task)
        if path is None:
            raise Problem(409, f"{task.task_id} is known already; a finished task is brought back by dc-requeue")
        entry = layout.parse(path.relative_to(spool.root).as_posix())
        return (entry and _shown(spool, entry)) or task.to_json()

    made = await call.with_spool(publish)
    return json_answer(made, 201, {"location": f"{BASE}/tasks/{task.task_id}"})


def checked(value: Json) -> Task:
    """A new task from a stranger's JSON: what only the spool may say is taken off, and paths stay inside storages."""
    task = Task.from_json({k: v for k, v in value.items() if k not in ("history", "outputs", "error", "completed_at")})
    task = with_changes(task, state="pending", attempt=0, failures=0, created_at="", not_before=None, extra={})
    found = schemas.problems("task", task.to_json())
    if found:
        raise BadInput(f"not a task: {'; '.join(found[:5])}")
    if not VIDEO_ID.match(task.video_id):
        raise BadInput("video_id is of the form [A-Za-z0-9_-][A-Za-z0-9_.-]*")
    for ref in task.inputs:
        refuse_outside(ref)
    return task


def refuse_outside(ref: FileRef) -> None:
    """BadInput for a path that is absolute or climbs out of its storage."""
    parts = ref.path.split("/")
    if ref.path.startswith(("/", "\\")) or ".." in parts or "\0" in ref.path:
        raise BadInput(f"inputs: the path {ref.path[:80]!r} is not inside a storage")


def children_of(values: Any, video_id: str) -> list[ChildTask]:
    """The tasks that a completion publishes; each needs a task_type, the rest is the parent's."""
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise Problem(400, "new tasks are an array of objects")
    found = []
    for value in values:
        task = checked({"video_id": video_id, **value, "task_id": tasks.new_id()})
        priority = task.priority if "priority" in value else None
        wish = ChildTask(task.task_type, task.inputs, task.params, task.metadata, task.device_capabilities_required)
        found.append(with_priority(wish, priority, task.video_id))
    return found


def with_priority(wish: ChildTask, priority: int | None, video_id: str) -> ChildTask:
    """The wish with its own priority, or the parent's where it names none."""
    return ChildTask(
        wish.task_type,
        wish.inputs,
        wish.params,
        wish.metadata,
        wish.device_capabilities_required,
        priority,
        video_id,
    )


async def put_task(call: Call) -> Response:
    """Completes a ready task that nobody holds: {"state": "complete"}; asked again, it says the same."""
    value = await read_json(call.request, call.receive)
    if not isinstance(value, dict) or value.get("state") != "complete":
        raise Problem(400, 'the only change is {"state": "complete"}; dc-requeue brings a task back')
    return json_answer(await complete_unclaimed(call, ()))


async def complete_unclaimed(call: Call, children: Sequence[Json]) -> Json:
    """Claims a ready task and completes it at once, as a device that pulled it by GET would have it."""
    find = await finder(call)

    def complete(spool: Spool) -> Json:
        entry = find(spool)
        if not entry.is_pending:
            if children:
                raise Problem(409, "the task is complete already; its new tasks were not published")
            return _shown(spool, entry) or {}
        claim = spool.claim_entry(entry) if entry.state == "ready" else None
        if claim is None:
            raise Problem(409, f"the task is {entry.state}: present its claim, or wait")
        final = with_changes(claim.task, state="complete", completed_at=to_text(utc_now()), error=None)
        try:
            spool.commit(claim, final, children=children_of(list(children), claim.task.video_id))
        except (ClaimLost, FileNotFoundError):
            raise Problem(409, "the task was taken over meanwhile") from None
        except Exception:
            spool.release(claim, reason={"event": "waited", "message": "the completion was refused"})
            raise
        return _shown(spool, find(spool)) or {}

    return await call.with_spool(complete)
