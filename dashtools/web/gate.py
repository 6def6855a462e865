"""Who asks, and may they at all: sessions, tokens, foreign pages, names of this host. Decided before anything else.

Taking away the password and the last token opens a server on loopback again, and ends one on any other address.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from dashtools.errors import BadConfig
from dashtools.web import sessions
from dashtools.web.rights import may

SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = ("/api/v1/health",)
SIGN_IN = "/login"
FORM_BYTES = 1 << 20
FORM_TYPE = "application/x-www-form-urlencoded"
REALM = b'realm="dashtools"'


@dataclass(frozen=True)
class Visitor:
    """Who asks: a token's name and scope, who signed in with the password, or anyone on this machine."""

    name: str
    scope: str | None
    cookie: str | None = None
    """The session that it came with."""


@dataclass(frozen=True)
class Refusal:
    """Why not, and with which status; `location` where a person can do something about it."""

    status: int
    text: str
    challenge: bytes | None = None
    location: str | None = None


LOCAL = Visitor("local", "admin")
NOBODY = Visitor("nobody", None)
STRANGER = Visitor("nobody", "read")


def judge(scope: Any, settings: Any) -> Visitor | Refusal:
    """The visitor, or why the request is refused."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if settings.is_loopback and not _is_local_name(headers.get("host", "localhost"), settings.host):
        return Refusal(421, "This server answers only to localhost.")
    if _is_foreign(scope["method"], headers):
        return Refusal(403, "Pages of other sites may not ask this server.")
    if scope["method"] not in SAFE and not scope["path"].startswith("/api/"):
        refusal = _form_refusal(headers)
        if refusal is not None:
            return refusal
    try:
        visitor = _visitor(scope, headers, settings)
    except (BadConfig, OSError):
        return Refusal(503, "The file of the password, the tokens or the sessions cannot be read; nobody is let in.")
    if isinstance(visitor, Visitor) and _is_inside(scope["path"]) and not may(visitor.scope, "admin"):
        return Refusal(403, "What the server is made of is shown to scope admin.")
    return visitor


def _form_refusal(headers: dict[str, str]) -> Refusal | None:
    """Datasette itself reads forms without a limit, and trips over those that are none."""
    declared = headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > FORM_BYTES or "transfer-encoding" in headers:
        return Refusal(413, "A form must say its length, at most 1 MiB.")
    kind = headers.get("content-type", FORM_TYPE).partition(";")[0].strip().lower()
    return None if kind == FORM_TYPE else Refusal(415, f"A form is sent as {FORM_TYPE}.")


def _visitor(scope: Any, headers: dict[str, str], settings: Any) -> Visitor | Refusal:
    has_password = settings.password is not None and settings.password.is_set()
    has_tokens = bool(settings.tokens is not None and settings.tokens.all())
    text = _given(headers.get("authorization", ""))
    token = settings.tokens.match(text) if text and settings.tokens is not None else None
    if token is not None:
        return Visitor(token.name, token.scope)
    cookie = sessions.given(headers)
    session = settings.sessions.match(cookie) if cookie and has_password and settings.sessions is not None else None
    if session is not None and text is None:
        if scope["method"] not in SAFE and not _is_our_page(headers):
            return Refusal(403, "A change with a session must come from a page of this server; use a token elsewhere.")
        return Visitor("password", session.scope, cookie)
    if not (has_password or has_tokens) and settings.is_loopback:
        return LOCAL
    if text is None and (scope["path"] in OPEN or (has_password and _is_for_signing_in(scope["path"]))):
        return STRANGER if scope["path"] in OPEN else NOBODY
    return _unknown(scope, headers, has_password)


def _unknown(scope: Any, headers: dict[str, str], has_password: bool) -> Refusal:
    """The way in for somebody without a token or session: a browser is led to the page where one signs in."""
    path = scope["path"]
    if path.startswith("/api/"):
        return Refusal(401, "A bearer token is needed: dc-web token add.", b"Bearer " + REALM)
    if not has_password:
        return Refusal(401, "A token is needed: as bearer, or in a browser as the password.", b"Basic " + REALM)
    if scope["method"] in ("GET", "HEAD") and "text/html" in headers.get("accept", ""):
        asked = path + ("?" + scope["query_string"].decode("latin-1") if scope["query_string"] else "")
        return Refusal(303, "Sign in first.", location=f"{SIGN_IN}?next={quote(asked, safe='/')}")
    return Refusal(401, f"Sign in first, at {SIGN_IN}.", b"Bearer " + REALM)


def _is_for_signing_in(path: str) -> bool:
    return path == SIGN_IN or path.startswith("/dash-static/")


def _is_inside(path: str) -> bool:
    """Datasette's own pages about itself: its plugins, settings, threads and the path of the index."""
    return path.startswith("/-/") and not path.startswith(("/-/static/", "/-/static-plugins/"))


def _is_our_page(headers: dict[str, str]) -> bool:
    """Does the browser say that a page of this server asks? Every browser of today sends one of the two."""
    return "origin" in headers or headers.get("sec-fetch-site") == "same-origin"  # a foreign origin was refused before


def _given(authorization: str) -> str | None:
    """The token in the header: as bearer, or as the password of a browser's own form (RFC 7617)."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _is_foreign(method: str, headers: dict[str, str]) -> bool:
    """Does a page of another origin ask? Clients that are no browsers send neither header."""
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
        return True
    site = headers.get("sec-fetch-site", "none")
    if site in ("none", "same-origin"):
        return False
    return method not in SAFE or headers.get("sec-fetch-mode") != "navigate"  # following a link is no attack


def _is_local_name(host: str, own: str) -> bool:
    named = host.lower()
    name = named if named.endswith("]") else named.rpartition(":")[0] or named
    return name in ("localhost", "127.0.0.1", "[::1]", own.lower())


async def refuse(send: Any, path: str, refusal: Refusal) -> None:
    """Sends the refusal: as problem+json below /api, as text elsewhere."""
    if path.startswith("/api/"):
        kind, body = (
            b"application/problem+json",
            orjson.dumps({"type": "about:blank", "title": "Refused", "status": refusal.status, "detail": refusal.text}),
        )
    else:
        kind, body = b"text/plain; charset=utf-8", refusal.text.encode() + b"\n"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    if refusal.challenge is not None:
        headers.append((b"www-authenticate", refusal.challenge))
    if refusal.location is not None:
        headers.append((b"location", refusal.location.encode("ascii", "replace")))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
