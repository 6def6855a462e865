"""Signing in with the password, and out again."""

from __future__ import annotations

import asyncio
import hmac
import re
from typing import Any
from urllib.parse import parse_qs

from datasette.utils.asgi import Response

from dashtools.web import sessions
from dashtools.web.bodies import chunks
from dashtools.web.problem import Problem

FORM_BYTES = 16 << 10
INNER = re.compile(r"/(?![/\\])[!-~]*\Z")  # a place on this server; // and /\ would lead to another


async def login(datasette: Any, request: Any, receive: Any) -> Response:
    """GET shows the form; POST with the right password begins a session and leads to where one wanted to go."""
    settings = datasette.dashtools
    if settings.password is None or settings.sessions is None or not await asyncio.to_thread(settings.password.is_set):
        return Response.text("no password is set on this host: dc-web password\n", 404)
    if request.method in ("GET", "HEAD"):
        return await _page(datasette, request, inner(request.args.get("next")))
    try:
        form = await checked_form(request, receive)
    except Problem as found:
        return Response.text(found.detail + "\n", found.status, found.headers)
    target = inner((form.get("next") or [""])[0])
    address = address_of(request.scope)
    wait_s = settings.attempts.wait_s(address)
    if wait_s > 0:
        words = f"Too many wrong passwords. Try again in {wait_s:.0f} s."
        return await _page(datasette, request, target, words, 429, {"retry-after": str(int(wait_s) + 1)})
    settings.attempts.failed(address)  # before the slow look, so that tries at the same time count
    async with settings.one_at_a_time:
        scope = await asyncio.to_thread(settings.password.check, (form.get("password") or [""])[0])
    if scope is None:
        return await _page(datasette, request, target, "That is not the password.", 403)
    settings.attempts.succeeded(address)
    before = sessions.given(dict(request.headers))
    cookie = await asyncio.to_thread(settings.sessions.begin, scope, before)
    return _redirect(target, cookie, request)


async def logout(datasette: Any, request: Any, receive: Any) -> Response:
    """Ends the session of this browser; what it kept of our pages is to be forgotten."""
    try:
        await checked_form(request, receive)
    except Problem as found:
        return Response.text(found.detail + "\n", found.status, found.headers)
    visitor = request.scope.get("dashtools_visitor")
    if visitor is not None and visitor.cookie is not None:
        await asyncio.to_thread(datasette.dashtools.sessions.end, visitor.cookie)
    answer = _redirect("/login", "", request)
    answer.headers["clear-site-data"] = '"cache", "storage"'
    return answer


async def checked_form(request: Any, receive: Any) -> dict[str, list[str]]:
    """The fields of a form that a page of ours was sent with; Problem for any other."""
    if request.method != "POST":
        raise Problem(405, "only POST", allow="POST")
    body = b"".join([piece async for piece in chunks(request, receive, FORM_BYTES)])
    try:
        form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=32)
    except ValueError:
        raise Problem(400, "That is not the form.") from None
    given = (form.get("csrftoken") or [""])[0]
    if not hmac.compare_digest(given.encode(), request.scope["csrftoken"]().encode()):
        raise Problem(403, "The form is not from a page of this server, or too old; open it again.")
    return form


def inner(target: str | None) -> str:
    """Where to go after signing in: a place on this server, else its first page.

    >>> inner("/plate/AB12CDE?x=1"), inner("//evil.example/"), inner("https://evil.example")
    ('/plate/AB12CDE?x=1', '/', '/')
    """
    return target if target and INNER.match(target) and not target.startswith("/login") else "/"


def address_of(scope: Any) -> str:
    """The address that a request came from."""
    client = scope.get("client")
    return str(client[0]) if client else "local"


def _redirect(target: str, cookie: str, request: Any) -> Response:
    header = sessions.cookie_header(cookie, is_https=request.scope.get("scheme") == "https")
    return Response("", 303, {"location": target, "set-cookie": header, "cache-control": "no-store"})


async def _page(
    datasette: Any, request: Any, target: str, said: str = "", status: int = 200, extra: dict[str, str] | None = None
) -> Response:
    page = await datasette.render_template("login.html", {"target": target, "said": said}, request=request)
    return Response.html(page, status, {"cache-control": "no-store", **(extra or {})})
