"""What stands before every answer: who asks, headers that a browser holds itself to, and a line in the audit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from dashtools.web import audit, gate
from dashtools.web.basemap import Tiles
from dashtools.web.login_page import address_of

STRICT = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
TABLES = STRICT.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")  # Datasette's own pages have <style>
THEIRS = ("/dash", "/-/", "/_memory")
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def guarded(app: Asgi, settings: Any) -> Asgi:
    """The application behind the guard."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        visitor = gate.judge(scope, settings)
        watched = _Watched(scope, send, settings, visitor.name if isinstance(visitor, gate.Visitor) else "nobody")
        if isinstance(visitor, gate.Refusal):
            await gate.refuse(watched, scope["path"], visitor)
            return
        await app({**scope, "dashtools_visitor": visitor}, receive, watched)

    return answer


class _Watched:
    """The way out of one request: its headers are added, its status is noted."""

    def __init__(self, scope: Any, send: Any, settings: Any, who: str) -> None:
        self._scope, self._send, self._settings, self._who = scope, send, settings, who

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            policy = policy_of(self._scope["path"], self._settings.tiles).encode()
            own = [(b"content-security-policy", policy), *HEADERS]
            message = {**message, "headers": [*message.get("headers", []), *own]}
            self._note(int(message["status"]))
        await self._send(message)

    def _note(self, status: int) -> None:
        log = self._settings.audit
        path, query = self._scope["path"], self._scope["query_string"].decode("latin-1")
        action = None if log is None else audit.action_of(self._scope["method"], path, query, status)
        if action is not None:
            address = address_of(self._scope)
            what = f"{self._scope['method']} {path[:300]}"
            log.write(action, self._who, address, status, what, audit.asked(query))


def policy_of(path: str, tiles: Tiles | None = None) -> str:
    """The Content-Security-Policy of a page: strict for ours; pictures of one more site where tiles come from there."""
    if tiles is not None and tiles.origin is not None:
        return policy_of(path).replace("img-src 'self'", f"img-src 'self' {tiles.origin}")
    is_theirs = path.startswith(THEIRS) and not path.startswith("/dash-static/")
    return TABLES if is_theirs else STRICT
