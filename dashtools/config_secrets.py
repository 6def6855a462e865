"""What only this host may know: keys and passwords, in a file of its own that nobody else can read."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock

from dashtools.config import Config
from dashtools.errors import BadConfig, TryLater
from dashtools.files import write_whole
from dashtools.model import Json

KEY_BYTES = 32


class Secrets:
    """The secrets of one host for one spool: `secrets.json` in its state folder, mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @staticmethod
    def of(config: Config) -> Secrets:
        """The file of this host."""
        return Secrets(config.state_dir / "secrets.json")

    def get(self, name: str) -> Any:
        """A secret, None when there is none; BadConfig when others can read the file or it is damaged."""
        return self._load().get(name)

    def key(self, name: str) -> bytes | None:
        """A secret of hexadecimal digits, as bytes."""
        text = self.get(name)
        try:
            return None if text is None else bytes.fromhex(text)
        except (TypeError, ValueError):
            raise BadConfig(f"{self.path}: {name} is not a text of hexadecimal digits") from None

    def made_key(self, name: str) -> bytes:
        """The same, made of random bytes where there is none yet."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock", timeout=30):
            known = self.key(name)
            if known is not None:
                return known
            made = secrets.token_bytes(KEY_BYTES)
            self._write({**self._load(), name: made.hex()})
        return made

    def _write(self, content: Json) -> None:
        before = os.umask(0o077)
        try:
            write_whole(self.path, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
        finally:
            os.umask(before)

    def _load(self) -> Json:
        try:
            mode = self.path.stat().st_mode
            content = orjson.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise BadConfig(f"{self.path} is damaged: {error}") from None
        except OSError as error:
            raise TryLater(f"{self.path}: {error.strerror}") from error
        if stat.S_IMODE(mode) & 0o077:
            raise BadConfig(f"{self.path} can be read by others; make it your own with: chmod 600 {self.path}")
        if not isinstance(content, dict):
            raise BadConfig(f"{self.path} is damaged: it must hold an object")
        return content
