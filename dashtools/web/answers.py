"""How a page is answered: one consistent look at the index, one template, headers that keep it out of caches."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from datasette.utils.asgi import Response

from dashtools.index import counts
from dashtools.web.rights import may

T = TypeVar("T")


async def ask(datasette: Any, question: Callable[[sqlite3.Connection], T]) -> T:
    """The answer of one consistent state of the index: a refresh in between does not show."""

    def in_one_moment(connection: sqlite3.Connection) -> T:
        connection.execute("BEGIN")
        try:
            return question(connection)
        finally:
            connection.execute("ROLLBACK")

    return await datasette.get_database("dash").execute_fn(in_one_moment)


async def show(datasette: Any, request: Any, template: str, **values: Any) -> Response:
    """A template as an answer; other methods than GET and HEAD get 405."""
    if request.method not in ("GET", "HEAD"):
        return Response.text("only GET and HEAD\n", status=405, headers={"allow": "GET, HEAD"})
    values["totals"] = await ask(datasette, counts.totals)
    values["tiles"] = datasette.dashtools.tiles
    return Response.html(
        await datasette.render_template(template, values, request=request), headers={"cache-control": "no-store"}
    )


def may_here(datasette: Any, request: Any, scope: str) -> bool:
    """May this visitor change things here? Not where the server was started without a spool."""
    visitor = request.scope.get("dashtools_visitor")
    return datasette.dashtools.api is not None and may(getattr(visitor, "scope", None), scope)


def page_of(request: Any) -> int:
    """The number of the page that is asked for, from 1."""
    text = request.args.get("page") or "1"
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1
