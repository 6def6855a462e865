"""Who asks, and may they at all: tokens, foreign pages, names of this host. Decided before anything else runs.

Revoking the last token opens a server on loopback again, and ends a server on any other address.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson

from dashtools.errors import BadConfig

SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = ("/api/v1/health",)
FORM_BYTES = 1 << 20
REALM = b'realm="dashtools"'


@dataclass(frozen=True)
class Visitor:
    """Who asks: a token's name and scope, or anyone on this machine."""

    name: str
    scope: str | None


@dataclass(frozen=True)
class Refusal:
    """Why not, and with which status."""

    status: int
    text: str
    challenge: bytes | None = None


LOCAL = Visitor("local", "admin")
NOBODY = Visitor("nobody", None)


def judge(scope: Any, settings: Any) -> Visitor | Refusal:
    """The visitor, or why the request is refused."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if settings.is_loopback and not _is_local_name(headers.get("host", "localhost"), settings.host):
        return Refusal(421, "This server answers only to localhost.")
    if _is_foreign(scope["method"], headers):
        return Refusal(403, "Pages of other sites may not ask this server.")
    if scope["method"] not in SAFE and not scope["path"].startswith("/api/"):
        declared = headers.get("content-length", "0")
        is_bounded = declared.isdigit() and int(declared) <= FORM_BYTES and "transfer-encoding" not in headers
        if not is_bounded:  # Datasette itself reads forms without a limit
            return Refusal(413, "A form must say its length, at most 1 MiB.")
    try:
        are_needed = bool(settings.tokens is not None and settings.tokens.all()) or not settings.is_loopback
        text = _given(headers.get("authorization", ""))
        token = settings.tokens.match(text) if text and settings.tokens is not None else None
    except (BadConfig, OSError):
        return Refusal(503, "The file of the tokens cannot be read; nobody is let in.")
    if token is not None:
        return Visitor(token.name, token.scope)
    if not are_needed:
        return LOCAL
    if text is None and scope["path"] in OPEN:
        return Visitor("nobody", "read")
    scheme = b"Bearer " if scope["path"].startswith("/api/") else b"Basic "
    return Refusal(401, "A token is needed: as bearer, or in a browser as the password.", scheme + REALM)


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
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
