"""Our pages as a Datasette plugin: routes, cells, template variables, headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import markupsafe
from datasette import hookimpl

from dashtools.web import gate, media, pages, requeue_page
from dashtools.web.api import BASE, views
from dashtools.web.api_routes import ROUTES

STRICT = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
TABLES = STRICT.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")  # Datasette's own pages have <style>
OURS = ("/search", "/plate", "/sighting", "/trip", "/video", "/queue", "/media", "/dash-static", "/api")
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def settings_of(datasette: Any) -> Any:
    """Our settings; None for a Datasette that somebody else made in this process."""
    return getattr(datasette, "dashtools", None)


@hookimpl
def register_routes(datasette: Any) -> list[tuple[str, Any]]:
    """Our pages, before Datasette's own."""
    if settings_of(datasette) is None:
        return []
    return [
        (r"^/$", pages.home),
        (r"^/search$", pages.search),
        (r"^/plate/(?P<plate>[A-Z0-9]{1,32})$", pages.plate),
        (r"^/sighting/(?P<sighting_id>[A-Za-z0-9_.-]{1,128})$", pages.sighting),
        (r"^/trips$", pages.trips),
        (r"^/trip/(?P<trip_id>[A-Za-z0-9_-]{1,64})$", pages.trip),
        (r"^/video/(?P<video_id>[A-Za-z0-9_.-]{1,128})$", pages.video),
        (r"^/queue$", pages.queue),
        (r"^/queue/requeue$", requeue_page.requeue),
        (r"^/media/(?P<artifact_id>[0-9a-f]{24})$", media.respond),
        *views(ROUTES),
    ]


@hookimpl
def render_cell(value: Any, column: str, table: str | None, datasette: Any) -> markupsafe.Markup | None:
    """Links from the cells of Datasette's tables to our pages."""
    if settings_of(datasette) is None or not isinstance(value, str) or not value:
        return None
    page = {"plate": "plate", "sighting_id": "sighting", "best_sighting_id": "sighting", "video_id": "video"}.get(
        column
    )
    if column == "artifact_id":
        page = "media"
    if column == "trip_id":
        page = "trip"
    if page is None:
        return None
    return markupsafe.Markup('<a href="/{}/{}">{}</a>').format(page, value, value)


@hookimpl
def extra_template_vars(datasette: Any, request: Any) -> dict[str, Any]:
    """The search text for the box in the page's head."""
    if settings_of(datasette) is None or request is None:
        return {}
    return {"asked": (request.args.get("q") or "") if request.path == "/search" else "", "here": request.path}


@hookimpl
def asgi_wrapper(datasette: Any) -> Callable[[Any], Any]:
    """Security headers on every answer; strangers' host names are refused (DNS rebinding)."""

    def wrap(app: Any) -> Any:
        settings = settings_of(datasette)
        return app if settings is None else _guarded(app, settings)

    return wrap


def _guarded(app: Any, settings: Any) -> Callable[[Any, Any, Any], Awaitable[None]]:
    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        path = scope["path"]
        policy = STRICT if path == "/" or path.startswith(OURS) else TABLES

        async def send_guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = [(b"content-security-policy", policy.encode()), *HEADERS]
                message = {**message, "headers": [*message.get("headers", []), *own]}
            await send(message)

        visitor = gate.judge(scope, settings)
        if isinstance(visitor, gate.Refusal):
            await gate.refuse(send_guarded, path, visitor)
            return
        await app({**scope, "dashtools_visitor": visitor}, receive, send_guarded)

    return guarded


@hookimpl
def skip_csrf(datasette: Any, scope: Any) -> bool:
    """The API takes JSON from its own origin only, which no form of another page can send."""
    return settings_of(datasette) is not None and scope["path"].startswith(BASE + "/")
