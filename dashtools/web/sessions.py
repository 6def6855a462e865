"""Who is signed in: session ids of this host, kept as digests, handed out only by a sign-in.

The cookie is the id and our signature of it. An id that we did not make is never taken up, so nobody can prepare one
for somebody else (session fixation).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

import orjson
from filelock import FileLock

from dashtools.errors import BadConfig
from dashtools.files import write_whole

FILE = "sessions.json"
COOKIE = "dash_session"
LIFE_S = 14 * 86400.0
MOST = 100  # the oldest are ended by the next sign-in


@dataclass(frozen=True)
class Session:
    """What is known of a session; not its id."""

    sha256: str
    scope: str
    ends_s: float


class Sessions:
    """The sessions in one file, so that a restart signs nobody out; a change takes effect with the next request."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path, self._clock = path, clock
        self._stamp: tuple[int, int, int] | None = None
        self._key, self._known = b"", dict[str, Session]()

    def begin(self, scope: str, ending: str | None = None) -> str:
        """The cookie of a new session; the one that the browser had before is ended."""
        session_id = secrets.token_urlsafe(32)
        with self._changing() as known:
            if ending is not None:
                known.pop(self._named(ending), None)
            digest = _digest(session_id)
            known[digest] = Session(digest, scope, self._clock() + LIFE_S)
        return f"{session_id}.{self._signature(session_id)}"

    def match(self, cookie: str) -> Session | None:
        """The session of a cookie; None for one that ended, or that we did not make."""
        self._read()
        found = self._known.get(self._named(cookie))
        return found if found is not None and found.ends_s > self._clock() else None

    def end(self, cookie: str) -> None:
        """Signs one browser out."""
        with self._changing() as known:
            known.pop(self._named(cookie), None)

    def end_all(self) -> None:
        """Signs everybody out."""
        with self._changing() as known:
            known.clear()

    def _named(self, cookie: str) -> str:
        """The digest of the id in a cookie with our signature; "" for any other."""
        session_id, _, signature = cookie.partition(".")
        is_ours = hmac.compare_digest(signature.encode(), self._signature(session_id).encode())
        return _digest(session_id) if is_ours and self._key else ""

    def _signature(self, session_id: str) -> str:
        return hmac.new(self._key, session_id.encode(), hashlib.sha256).hexdigest()

    def _read(self) -> None:
        try:
            now = os.stat(self.path)
        except FileNotFoundError:
            self._stamp, self._key, self._known = None, b"", {}
            return
        stamp = (now.st_ino, now.st_mtime_ns, now.st_size)
        if stamp == self._stamp:
            return
        try:
            value = orjson.loads(self.path.read_bytes())
            known = [Session(**session) for session in value["sessions"]]
            self._key, self._known = bytes.fromhex(value["key"]), {session.sha256: session for session in known}
        except (ValueError, KeyError, TypeError) as error:
            raise BadConfig(f"{self.path} is damaged: {error}; remove it, then sign in anew") from error
        self._stamp = stamp

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Session]]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(self.path) + ".lock", timeout=30):
            self._read()
            self._key = self._key or secrets.token_bytes(32)
            known = dict(self._known)
            yield known
            alive = sorted((s for s in known.values() if s.ends_s > self._clock()), key=lambda s: s.ends_s)[-MOST:]
            content = {"key": self._key.hex(), "sessions": [asdict(session) for session in alive]}
            write_whole(self.path, orjson.dumps(content, option=orjson.OPT_INDENT_2), mode=0o600)


def given(headers: dict[str, str]) -> str | None:
    """The session cookie among the headers of a request."""
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return None
    return cookies[COOKIE].value if COOKIE in cookies else None


def cookie_header(value: str, *, is_https: bool) -> str:
    """The Set-Cookie that gives a browser its session, or with "" takes it away."""
    life_s = int(LIFE_S) if value else 0
    secure = "; Secure" if is_https else ""
    return f"{COOKIE}={value}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Lax{secure}"


def _digest(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
