"""Work through the API: claim, heartbeat, inputs, outputs, complete, give back. The claim is presented each time."""

from __future__ import annotations

from typing import Any

from datasette.utils.asgi import Response

from dashtools.errors import BadInput, ClaimLost
from dashtools.index.views import Media
from dashtools.model import TASK_TYPE_PATTERN, Json, with_changes
from dashtools.spool.layout import TASK_ID
from dashtools.spool.presence import BEATS_PER_LEASE
from dashtools.spool.queue import Claim, Spool, backoff_s
from dashtools.times import to_text, utc_now
from dashtools.web import api_tasks, claims, media, results
from dashtools.web.api import Call
from dashtools.web.bodies import FILE_BYTES, RESULT_BYTES, chunks, read_json
from dashtools.web.problem import Problem, json_answer

CLAIM_HEADER = "dashtools-claim"
ERROR_FIELDS = ("class", "message", "traceback")


async def claim(call: Call) -> Response:
    """Claims the next task for a device, or one by its task_id.

    The body is {"device", "task_types", "capabilities"?, "nonce"?, "task_id"?}.
    """
    name, wish = _wish(await read_json(call.request, call.receive), call.who)

    def take(spool: Spool) -> Json | None:
        call.api.tidier.tidy(call.api.spool, call.api.lease_s, call.api.max_failures)
        got = claims.take(spool, name, wish)
        return None if got is None else _told(call, got)

    found = await call.with_spool(take)
    if found is None:
        raise Problem(404, "No tasks pending")
    return json_answer(found)


def _wish(value: Any, who: str) -> tuple[str, claims.Wish]:
    """The name of the claim to be, and what it is to hold."""
    if not isinstance(value, dict):
        raise Problem(400, 'send {"device": ..., "task_types": [...]}')
    device, types = value.get("device"), value.get("task_types")
    able, nonce, task_id = value.get("capabilities", {}), value.get("nonce"), value.get("task_id")
    if not isinstance(device, str) or not claims.DEVICE.match(device):
        raise Problem(400, "device is of the form [A-Za-z0-9_-]{1,32}")
    if not isinstance(types, list) or not types or not all(isinstance(t, str) for t in types):
        raise Problem(400, "task_types is an array of at least one task type")
    if not all(TASK_TYPE_PATTERN.match(t) for t in types):
        raise Problem(400, "a task type is of the form [A-Z][A-Z0-9_]*")
    if not isinstance(able, dict):
        raise Problem(400, "capabilities is an object")
    if nonce is not None and (not isinstance(nonce, str) or not claims.NONCE.match(nonce)):
        raise Problem(400, "nonce is 16 to 32 hexadecimal digits, new for each claim")
    if task_id is not None and (not isinstance(task_id, str) or not TASK_ID.match(task_id)):
        raise Problem(400, "task_id is of the form [A-Za-z0-9_-]{1,64}")
    return claims.name_of(device, nonce), claims.Wish(types, able, task_id, who)


def _told(call: Call, got: Claim) -> Json:
    rhythm = {"lease_seconds": call.api.lease_s, "heartbeat_seconds": call.api.lease_s / BEATS_PER_LEASE}
    return {"claim": got.entry.worker, "task": api_tasks.document(got.task, got.entry), **rhythm}


def presented(call: Call, body: Any = None) -> str | None:
    """The claim that a request names in its header or body; None when it names none."""
    name = call.request.headers.get(CLAIM_HEADER) or (body.get("claim") if isinstance(body, dict) else None)
    if name is None:
        return None
    if not isinstance(name, str) or not claims.CLAIM.match(name):
        raise Problem(400, "that is no claim; POST /tasks/claim gives one")
    return name


def _needed(call: Call, body: Any = None) -> str:
    name = presented(call, body)
    if name is None:
        raise Problem(400, "present the claim, in the header Dashtools-Claim")
    return name


def _held(call: Call, spool: Spool, name: str) -> Claim:
    got = claims.held(spool, name, call.who)
    if got.entry.task_id != call.variable("id"):
        raise ClaimLost("the claim is of another task")
    return got


async def heartbeat(call: Call) -> Response:
    """Keeps a claim alive; 409 when it is gone and the work is to be dropped."""
    name = _needed(call, await read_json(call.request, call.receive))

    def beat(spool: Spool) -> Json:
        _held(call, spool, name)
        return _told(call, claims.beat(spool, name, call.who))

    return json_answer(await call.with_spool(beat))


async def release(call: Call) -> Response:
    """Gives a claim back: {"reason"?, "failed"?, "wait"?, "error"?}; failed counts towards max_failures.

    Failed or to wait, the task is delayed by the backoff; otherwise it is ready at once.
    """
    body = await read_json(call.request, call.receive)
    name = _needed(call, body)
    body = body if isinstance(body, dict) else {}
    failed, waits, error = body.get("failed") is True, body.get("wait") is True, body.get("error")
    kept = {k: str(v)[:4000] for k, v in error.items() if k in ERROR_FIELDS} if isinstance(error, dict) else {}
    reason = {"event": "failed" if failed else "waited" if waits else "released", **kept}
    reason["message"] = str(body.get("reason") or kept.get("message") or "given back")[:2000]

    def give_back(spool: Spool) -> Json:
        got, mine = _held(call, spool, name), claims.acting(spool, name)
        count = got.entry.failures + int(failed)
        if failed and count >= call.api.max_failures:
            final_error = _flag({**reason, "retryable": True})
            changes: Json = {"state": "complete", "failures": count, "completed_at": to_text(utc_now())}
            mine.commit(got, with_changes(claims.with_history(spool, got), **changes, error=final_error))
        else:
            delay_s = backoff_s(call.api.retry_delay_s, count, got.entry.key) if failed or waits else 0.0
            mine.release(got, reason=reason, failures=int(failed), delay_s=delay_s)
        claims.forget(spool, name)
        return {"task_id": got.entry.task_id}

    return json_answer(await call.with_spool(give_back))


async def get_input(call: Call) -> Response | None:
    """The bytes of a task's input n (from 0), whole or a range."""
    name, number = presented(call), int(call.variable("n"))
    find = await api_tasks.finder(call)

    def look(spool: Spool) -> Any:
        if name is not None:
            task = _held(call, spool, name).task
        else:
            try:
                task = spool.load(find(spool))
            except FileNotFoundError:
                raise Problem(409, "the task moved on") from None
        if number >= len(task.inputs):
            raise Problem(404, f"the task has {len(task.inputs)} inputs")
        ref = task.inputs[number]
        ref_media = Media(f"{task.task_id}-{number}", ref.type, ref.device, ref.path, ref.size_bytes)
        return media.open_confined(ref_media, call.datasette.dashtools.roots)

    try:
        file = await call.with_spool(look)
    except media.Refused as refused:
        raise Problem(refused.status, refused.text, **_wait(refused.status)) from None
    await media.send_and_close(call.request, call.receive, call.send, file)
    return None


def _wait(status: int) -> dict[str, str]:
    return {"retry_after": "30"} if status == 503 else {}


async def put_output(call: Call) -> Response:
    """Takes a result file into the attempt's own folder; it counts once a completion names it."""
    name, file = _needed(call), call.variable("name")
    folder = await call.with_spool(lambda spool: results.folder_of(call.api, _held(call, spool, name)))
    if not folder.root.is_dir():
        raise Problem(503, f"the storage {folder.storage} is not mounted on this host", retry_after="30")
    place = folder.path(file)
    sha256, size_bytes = await results.store(place, chunks(call.request, call.receive, FILE_BYTES))
    await call.with_spool(lambda spool: _held(call, spool, name))  # 409 when it was lost while the file came
    made = {"device": folder.storage, "path": f"{folder.prefix}/{file}", "sha256": sha256, "size_bytes": size_bytes}
    return json_answer(made, 201)


async def complete(call: Call) -> Response:
    """Completes a task, with new tasks; under a claim also with outputs, rows, metadata or the error flag.

    The body is an array of new tasks, or an object with any of claim, new_tasks, outputs, rows, metadata, settings and
    error.
    """
    body = await read_json(call.request, call.receive, RESULT_BYTES)
    body = {"new_tasks": body} if isinstance(body, list) else body if body is not None else {}
    if not isinstance(body, dict):
        raise Problem(400, "send an array of new tasks, or an object")
    name = presented(call, body)
    if name is None:
        if any(body.get(key) for key in ("outputs", "rows", "error")):
            raise Problem(400, "present the claim, in the header Dashtools-Claim")
        return json_answer(await api_tasks.complete_unclaimed(call, body.get("new_tasks") or ()))
    return json_answer(await call.with_spool(lambda spool: _complete(call, spool, name, body)))


def _complete(call: Call, spool: Spool, name: str, body: Json) -> Json:
    record = claims.record_of(spool, name)
    try:
        got = _held(call, spool, name)
        final, children, rows = _ending(call, spool, got, body)
        claims.acting(spool, name).commit(got, final, children=children, rows=rows)
    except ClaimLost:
        path = None if record is None else record.get("holds")
        done = claims.committed(spool, name, call.variable("id"), path)
        if done is None or done.task_id != call.variable("id"):
            raise
        final = done  # our own commit, whose reply was lost
    claims.forget(spool, name)
    return {**final.to_json(), "condition": "failed" if final.error else "complete"}


def _ending(call: Call, spool: Spool, got: Claim, body: Json) -> tuple[Any, list[Any], bytes]:
    outputs, metadata, error = body.get("outputs") or [], body.get("metadata") or {}, body.get("error")
    settings = body.get("settings")
    if not isinstance(metadata, dict) or not all(
        value is None or isinstance(value, dict) for value in (error, settings)
    ):
        raise BadInput("metadata, settings and error are objects")
    wishes = api_tasks.children_of(body.get("new_tasks") or [], got.task.video_id)
    folder = results.folder_of(call.api, got) if call.api.output_folder is not None and outputs else None
    if outputs and folder is None:
        raise BadInput("no output can be named: this server has no storage")
    final = with_changes(
        claims.with_history(spool, got),
        state="complete",
        completed_at=to_text(utc_now()),
        outputs=() if folder is None else results.sealed(folder, outputs),
        metadata={**got.task.metadata, **metadata, "claim": got.entry.worker},
        params=got.task.params if settings is None else {**got.task.params, "settings": settings},
        error=None if error is None else _flag(error),
    )
    return final, results.placed(wishes, folder), results.row_lines(body.get("rows") or [], folder)


def _flag(error: Json) -> Json:
    kind, message = str(error.get("class") or "ProcessingError")[:64], str(error.get("message") or "")[:4000]
    trace = None if error.get("traceback") is None else str(error["traceback"])[:20_000]
    return {"class": kind, "message": message, "retryable": error.get("retryable") is True, "traceback": trace}
