"""Errors of the API as application/problem+json (RFC 9457), without local paths in them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson
from datasette.utils.asgi import Response

from dashtools.errors import (
    BadConfig,
    BadInput,
    ClaimLost,
    DashtoolsError,
    InputMissing,
    OutputRefused,
    TryLater,
)

RETRY_AFTER_S = 10
CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is not a success: its status, a sentence for the reader, and headers."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def response(problem: Problem) -> Response:
    """The answer to send."""
    title = HTTPStatus(problem.status).phrase
    document = {"type": "about:blank", "title": title, "status": problem.status, "detail": problem.detail}
    return Response(orjson.dumps(document).decode(), problem.status, problem.headers, CONTENT_TYPE)


def of(error: DashtoolsError) -> Problem:
    """The problem that one of our errors is; messages that name folders of this host are replaced."""
    if isinstance(error, TryLater):
        return Problem(503, "the spool or a storage is away; try again", retry_after=str(RETRY_AFTER_S))
    if isinstance(error, OutputRefused):
        return Problem(507, "the share refuses to be written: full, read-only or not permitted")
    if isinstance(error, ClaimLost):
        return Problem(409, "the claim is gone: the task was taken over, given back or completed")
    if isinstance(error, InputMissing):
        return Problem(404, "the file is not on its storage")
    if isinstance(error, BadConfig):
        return Problem(422, str(error))
    if isinstance(error, BadInput):
        return Problem(400, str(error))
    return Problem(500, f"{type(error).__name__}; the server's log says more")


def json_answer(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A success as JSON that no cache keeps."""
    own = {"cache-control": "no-store", **(headers or {})}
    return Response(orjson.dumps(document).decode(), status, own, "application/json")
