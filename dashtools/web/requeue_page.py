"""Failed tasks back into the queue from the queue page: first what would move, then the move."""

from __future__ import annotations

import asyncio
from typing import Any

from datasette.utils.asgi import Response

from dashtools.index import counts, reasons
from dashtools.log import LOGGER
from dashtools.spool.queue import Spool
from dashtools.web.answers import ask
from dashtools.web.api_settings import api_of
from dashtools.web.forms import Form, answered, checked_form, field

MOST = 500  # a page that a person can look through; dc-requeue takes any number


async def requeue(datasette: Any, request: Any, receive: Any) -> Response:
    """POST shows the tasks of a group; POST with go=1 and their ids puts them back and leads to the queue."""

    async def work() -> Response:
        form = await checked_form(datasette, request, receive, "admin", "requeue")
        if form.get("go") == ["1"]:
            return await _go(datasette, request, form.get("task_id", [])[:MOST])
        return await _look(datasette, request, form)

    return await answered(work)


async def _look(datasette: Any, request: Any, form: Form) -> Response:
    words = [field(form, name) for name in ("task_type", "error_class", "reason")]
    steps = await ask(datasette, lambda c: reasons.failed_like(c, *words))
    values = {"steps": steps[:MOST], "more": max(0, len(steps) - MOST), "task_type": words[0], "reason": words[2]}
    values["totals"] = await ask(datasette, counts.totals)
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
