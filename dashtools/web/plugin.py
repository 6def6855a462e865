"""Our pages as a Datasette plugin: routes, cells, template variables, headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import markupsafe
from datasette import hookimpl

from dashtools.web import guard, login_page, page_routes
from dashtools.web.api import BASE, views
from dashtools.web.api_routes import ROUTES
from dashtools.web.rights import may


def settings_of(datasette: Any) -> Any:
    """Our settings; None for a Datasette that somebody else made in this process."""
    return getattr(datasette, "dashtools", None)


@hookimpl
def register_routes(datasette: Any) -> list[tuple[str, Any]]:
    """Our pages, before Datasette's own."""
    if settings_of(datasette) is None:
        return []
    return [
        *page_routes.ROUTES,
        (r"^/login$", login_page.login),
        (r"^/logout$", login_page.logout),
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
    """The search text for the box in the page's head, where one is, and who asks."""
    if settings_of(datasette) is None or request is None:
        return {}
    asked = (request.args.get("q") or "") if request.path == "/search" else ""
    return {"asked": asked, "here": request.path, "visitor": request.scope.get("dashtools_visitor")}


@hookimpl
def asgi_wrapper(datasette: Any) -> Callable[[Any], Any]:
    """The guard before everything: who asks, security headers, the audit."""

    def wrap(app: Any) -> Any:
        settings = settings_of(datasette)
        return app if settings is None else guard.guarded(app, settings)

    return wrap


@hookimpl
def actor_from_request(datasette: Any, request: Any) -> dict[str, Any] | None:
    """Our visitor as Datasette's actor, so that its own permissions know the scope."""
    visitor = request.scope.get("dashtools_visitor") if settings_of(datasette) is not None else None
    return None if visitor is None else {"id": visitor.name, "scope": visitor.scope}


@hookimpl
def permission_allowed(datasette: Any, actor: dict[str, Any] | None, action: str) -> bool | None:
    """SQL of one's own (the console and ?_where=) is for scope admin; everything else as Datasette has it."""
    if settings_of(datasette) is None or action != "execute-sql":
        return None
    return may((actor or {}).get("scope"), "admin")


@hookimpl
def skip_csrf(datasette: Any, scope: Any) -> bool:
    """The API takes JSON from its own origin only, which no form of another page can send."""
    return settings_of(datasette) is not None and scope["path"].startswith(BASE + "/")
