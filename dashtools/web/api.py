"""The REST API /api/v1: one table of routes from which the dispatch, the rights and the OpenAPI document follow."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from datasette.utils.asgi import Response

from dashtools.errors import DashtoolsError
from dashtools.log import LOGGER
from dashtools.spool.queue import Spool
from dashtools.web import problem
from dashtools.web.api_settings import ApiSettings, api_of
from dashtools.web.problem import Problem
from dashtools.web.rights import may

BASE = "/api/v1"
VARIABLES = {
    "id": r"[A-Za-z0-9_-]{1,64}",
    "device": r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}",
    "n": r"[0-9]{1,4}",
    "name": r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}){0,3}",
}
T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One request to the API."""

    datasette: Any
    request: Any
    receive: Any
    send: Any
    api: ApiSettings
    who: str

    def variable(self, name: str) -> str:
        return str(self.request.url_vars[name])

    async def with_spool(self, question: Callable[[Spool], T]) -> T:
        """What a thread finds or does with the spool."""

        def ask() -> T:
            with self.api.opened() as spool:
                return question(spool)

        return await asyncio.to_thread(ask)


@dataclass(frozen=True)
class Route:
    """A method and path, the least scope that may use it, and what the document says of it."""

    method: str
    path: str
    scope: str
    function: Callable[[Call], Awaitable[Response | None]]
    statuses: tuple[int, ...] = (200,)
    query: tuple[str, ...] = ()
    body: str | None = None
    """The name of the body's schema in the OpenAPI document; "file" for raw bytes."""
    headers: tuple[str, ...] = field(default=())

    @property
    def summary(self) -> str:
        return (self.function.__doc__ or "").split("\n")[0]


def pattern_of(path: str) -> str:
    """The regular expression of a path under the base."""
    return "^" + BASE + re.sub(r"\{(\w+)\}", lambda m: f"(?P<{m[1]}>{VARIABLES[m[1]]})", path) + "$"


def views(routes: tuple[Route, ...]) -> list[tuple[str, Any]]:
    """Datasette's routes: one view a path, and one that says of everything else below the base that it is not there."""
    by_path: dict[str, dict[str, Route]] = {}
    for route in routes:
        by_path.setdefault(route.path, {})[route.method] = route
    found = [(pattern_of(path), _view(methods)) for path, methods in by_path.items()]
    return [*found, (f"^{BASE}(?:/.*)?$", _view({}))]


def _view(methods: dict[str, Route]) -> Any:
    async def view(datasette: Any, request: Any, receive: Any, send: Any) -> Response | None:
        try:
            return await _answer(methods, datasette, request, receive, send)
        except Problem as found:
            return problem.response(found)
        except DashtoolsError as error:
            if type(error) is DashtoolsError or problem.of(error).status == 500:
                LOGGER.error("%s %s: %s", request.method, request.path, error)
            return problem.response(problem.of(error))

    return view


async def _answer(methods: dict[str, Route], datasette: Any, request: Any, receive: Any, send: Any) -> Response | None:
    if not methods:
        raise Problem(404, "no such endpoint; /api/v1/openapi.json lists them")
    route = methods.get("GET" if request.method == "HEAD" else request.method)
    if route is None:
        raise Problem(405, "not with this method", allow=", ".join(sorted(methods)))
    visitor = request.scope.get("dashtools_visitor")
    if not may(getattr(visitor, "scope", None), route.scope):
        raise Problem(403, f"a token with scope {route.scope} is needed")
    api = api_of(datasette)
    if api is None:
        raise Problem(503, "this server was started without a spool", retry_after=str(problem.RETRY_AFTER_S))
    answer = await route.function(Call(datasette, request, receive, send, api, visitor.name))
    if route.method != "GET":
        LOGGER.info("%s %s was done for %s", route.method, route.path, visitor.name)  # the template: ids may tell clips
    return answer
