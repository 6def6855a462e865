"""Failed tasks back into the queue from the queue page: first what would move, then the move."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any
from urllib.parse import parse_qs

from datasette.utils.asgi import Forbidden, Response

from dashtools.errors import DashtoolsError
from dashtools.index import queries
from dashtools.log import LOGGER
from dashtools.spool.queue import Spool
from dashtools.web import problem
from dashtools.web.api_settings import api_of
from dashtools.web.bodies import JSON_BYTES, chunks
from dashtools.web.pages import ask
from dashtools.web.problem import Problem
from dashtools.web.rights import may

MOST = 500  # a page that a person can look through; dc-requeue takes any number


async def requeue(datasette: Any, request: Any, receive: Any) -> Response:
    """POST shows the tasks of a group; POST with go=1 and their ids puts them back and leads to the queue."""
    try:
        form = await _checked_form(datasette, request, receive)
        if form.get("go") == ["1"]:
            return await _go(datasette, request, form.get("task_id", [])[:MOST])
        return await _look(datasette, request, form)
    except Problem as found:
        return Response.text(found.detail + "\n", found.status, found.headers)
    except DashtoolsError as error:
        found = problem.of(error)
        return Response.text(found.detail + "\n", found.status, found.headers)


async def _checked_form(datasette: Any, request: Any, receive: Any) -> dict[str, list[str]]:
    """The form's fields, once its sender may change things and has the token of a page of ours."""
    if request.method != "POST":
        raise Problem(405, "only POST", allow="POST")
    if not may(getattr(request.scope.get("dashtools_visitor"), "scope", None), "admin"):
        raise Forbidden("A token with scope admin is needed to requeue.")
    if api_of(datasette) is None:
        raise Problem(503, "this server was started without a spool", retry_after="30")
    body = b"".join([piece async for piece in chunks(request, receive, JSON_BYTES)])
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=2 * MOST)
    given = (form.get("csrftoken") or [""])[0]
    if not hmac.compare_digest(given.encode(), request.scope["csrftoken"]().encode()):
        raise Forbidden("The form is not from a page of this server, or too old; open the queue page again.")
    return form


async def _look(datasette: Any, request: Any, form: dict[str, list[str]]) -> Response:
    words = [(form.get(name) or [""])[0] for name in ("task_type", "error_class", "reason")]
    steps = await ask(datasette, lambda c: queries.failed_like(c, *words))
    values = {"steps": steps[:MOST], "more": max(0, len(steps) - MOST), "task_type": words[0], "reason": words[2]}
    values["totals"] = await ask(datasette, queries.totals)
    page = await datasette.render_template("requeue.html", values, request=request)
    return Response.html(page, headers={"cache-control": "no-store"})


async def _go(datasette: Any, request: Any, task_ids: list[str]) -> Response:
    api = api_of(datasette)
    assert api is not None

    def move() -> int:
        with api.opened() as spool:
            return _put_back(spool, set(task_ids))

    moved = await asyncio.to_thread(move)
    LOGGER.info("%d tasks were requeued by %s", moved, request.scope["dashtools_visitor"].name)
    return Response.redirect(f"/queue?moved={moved}&of={len(set(task_ids))}", 303)


def _put_back(spool: Spool, wanted: set[str]) -> int:
    """How many failed tasks went back; one that moved on meanwhile is left alone."""
    failed = [e for e in spool.completed() if e.state == "failed" and e.task_id in wanted]
    return sum(spool.requeue(entry) is not None for entry in failed)
