"""Bearer tokens of this host: kept as digests, shown once, told apart by name.

A token is 256 random bits, so one SHA-256 is enough: there is nothing to guess that a slow hash would protect.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from filelock import FileLock

from dashtools.errors import BadConfig, BadInput
from dashtools.files import write_whole
from dashtools.times import to_text, utc_now
from dashtools.web.rights import SCOPES

FILE = "tokens.json"
PREFIX = "dash_"
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


@dataclass(frozen=True)
class Token:
    """What is known of a token; not the token."""

    name: str
    scope: str
    sha256: str
    created_at: str


class Tokens:
    """The tokens in one file; a change takes effect with the next request."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int, int] | None = None
        self._known: list[Token] = []

    def all(self) -> list[Token]:
        """Every token; BadConfig when the file is damaged, for then nobody may be let in."""
        try:
            now = os.stat(self.path)
        except FileNotFoundError:
            return []
        stamp = (now.st_ino, now.st_mtime_ns, now.st_size)
        if stamp != self._stamp:
            try:
                self._known = [Token(**value) for value in orjson.loads(self.path.read_bytes())["tokens"]]
            except (orjson.JSONDecodeError, KeyError, TypeError) as error:
                raise BadConfig(f"{self.path} is damaged: {error}; remove it and add the tokens anew") from error
            self._stamp = stamp
        return list(self._known)

    def match(self, text: str) -> Token | None:
        """The token that this text is; every known one is compared, in constant time."""
        digest = _digest(text)
        found = None
        for token in self.all():
            if hmac.compare_digest(token.sha256, digest):
                found = token
        return found

    def add(self, name: str, scope: str) -> str:
        """A new token, to be shown once; BadInput for a name that is taken."""
        if not NAME.match(name) or scope not in SCOPES:
            raise BadInput("a name is of the form [A-Za-z0-9_.-]{1,64}, a scope one of read, work, admin")
        text = PREFIX + secrets.token_urlsafe(32)
        with self._changing() as tokens:
            if any(token.name == name for token in tokens):
                raise BadInput(f"{name}: there is a token of that name; revoke it first")
            tokens.append(Token(name, scope, _digest(text), to_text(utc_now().replace(microsecond=0))))
        return text

    def revoke(self, name: str) -> None:
        """Ends a token; BadInput when there is none of that name."""
        with self._changing() as tokens:
            kept = [token for token in tokens if token.name != name]
            if len(kept) == len(tokens):
                raise BadInput(f"{name}: no such token; dc-web token list shows them")
            tokens[:] = kept

    @contextmanager
    def _changing(self) -> Iterator[list[Token]]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(self.path) + ".lock", timeout=30):
            tokens = self.all()
            yield tokens
            content = {"tokens": [asdict(token) for token in tokens]}
            write_whole(self.path, orjson.dumps(content, option=orjson.OPT_INDENT_2), mode=0o600)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
