"""Forms of our own pages: who may send them, with the token of a page of ours, bounded in size."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from datasette.utils.asgi import Forbidden, Response

from dashtools.errors import DashtoolsError
from dashtools.web import problem
from dashtools.web.api_settings import api_of
from dashtools.web.bodies import JSON_BYTES, chunks
from dashtools.web.problem import Problem
from dashtools.web.rights import may

Form = dict[str, list[str]]
MOST_FIELDS = 1000


async def checked_form(datasette: Any, request: Any, receive: Any, need: str, purpose: str) -> Form:
    """The form's fields, once its sender may change things and has the token of a page of ours."""
    if request.method != "POST":
        raise Problem(405, "only POST", allow="POST")
    if not may(getattr(request.scope.get("dashtools_visitor"), "scope", None), need):
        raise Forbidden(f"A token with scope {need} is needed to {purpose}.")
    if api_of(datasette) is None:
        raise Problem(503, "this server was started without a spool", retry_after="30")
    body = b"".join([piece async for piece in chunks(request, receive, JSON_BYTES)])
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    if not hmac.compare_digest(field(form, "csrftoken").encode(), request.scope["csrftoken"]().encode()):
        raise Forbidden("The form is not from a page of this server, or too old; go back and open its page again.")
    return form


def field(form: Form, name: str) -> str:
    """A field's first value, "" when it is absent."""
    return (form.get(name) or [""])[0]


async def answered(work: Callable[[], Awaitable[Response]]) -> Response:
    """The work's answer, or its error as a page of text with the status that fits."""
    try:
        return await work()
    except Problem as found:
        return Response.text(found.detail + "\n", found.status, found.headers)
    except DashtoolsError as error:
        found = problem.of(error)
        return Response.text(found.detail + "\n", found.status, found.headers)
