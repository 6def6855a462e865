"""The password of this host's pages: one for all who may sign in, kept as a scrypt hash."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

import orjson

from dashtools.errors import BadConfig, BadInput
from dashtools.files import write_whole
from dashtools.model import Json
from dashtools.times import to_text, utc_now
from dashtools.web.rights import SCOPES

FILE = "password.json"
LEAST_CHARACTERS = 10
MOST_CHARACTERS = 1024
COST = {"n": 2**15, "r": 8, "p": 3}  # 32 MiB, the smallest of the settings that OWASP's cheat sheet of 2023 holds equal
SALT_BYTES = 16


class Password:
    """The password in one file; a change takes effect with the next request."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def is_set(self) -> bool:
        """Is there a password? BadConfig when the file is damaged, for then nobody may be let in."""
        return self._known() is not None

    def set(self, text: str, scope: str = "admin") -> None:
        """Sets the password and what it lets its holder do; BadInput for one that is too short."""
        if not LEAST_CHARACTERS <= len(text) <= MOST_CHARACTERS or scope not in SCOPES:
            raise BadInput(f"a password has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters, four words say")
        salt = secrets.token_bytes(SALT_BYTES)
        content = {"scheme": "scrypt", **COST, "salt": salt.hex(), "hash": _hash(text, salt, COST).hex()}
        content |= {"scope": scope, "changed_at": to_text(utc_now().replace(microsecond=0))}
        write_whole(self.path, orjson.dumps(content, option=orjson.OPT_INDENT_2), mode=0o600)

    def remove(self) -> bool:
        """Ends the password; False when there was none."""
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return False
        return True

    def check(self, text: str) -> str | None:
        """The scope that this password gives; None when it is not the one. Takes a tenth of a second of processor."""
        known = self._known()
        if known is None or len(text) > MOST_CHARACTERS:
            return None
        found = _hash(text, bytes.fromhex(known["salt"]), known)
        return str(known["scope"]) if hmac.compare_digest(found, bytes.fromhex(known["hash"])) else None

    def _known(self) -> Json | None:
        try:
            value = orjson.loads(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except orjson.JSONDecodeError as error:
            raise BadConfig(f"{self.path} is damaged: {error}; set the password anew: dc-web password") from error
        if not isinstance(value, dict) or value.get("scheme") != "scrypt" or value.get("scope") not in SCOPES:
            raise BadConfig(f"{self.path} is damaged: it holds no scrypt hash; set the password anew: dc-web password")
        return value


def _hash(text: str, salt: bytes, cost: Json) -> bytes:
    n, r, p = (int(cost[name]) for name in ("n", "r", "p"))
    return hashlib.scrypt(text.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)
