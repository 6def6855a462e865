"""The operating system with one thing wrong: an errno, a lost reply, or the plug pulled, at the n-th call."""

from __future__ import annotations

import os
from typing import Any

CALLS = ("open", "read", "write", "fsync", "listdir", "rename", "link", "mkdir", "rmdir", "unlink", "fstat")
CHANGES = ("open", "write", "fsync", "rename", "link", "mkdir", "rmdir", "unlink")


class Crash(BaseException):
    """The plug was pulled."""


class FaultyOs:
    """Stands in for `os` in dashtools.spool.atomic; `arm` says what goes wrong at which of the next calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.last = ""
        self._at, self._error, self._is_after = -1, None, False

    def arm(self, at: int, error: int | type[BaseException] | None, *, is_after: bool = False) -> None:
        """Fails the call number `at` from now; `is_after`: the call took effect, only its answer is lost."""
        self.calls, self._at, self._error, self._is_after = 0, at, error, is_after

    def disarm(self) -> None:
        self._at = -1

    @property
    def has_struck(self) -> bool:
        return 0 <= self._at < self.calls

    def __getattr__(self, name: str) -> Any:
        plain = getattr(os, name)
        if name not in CALLS:
            return plain

        def call(*arguments: Any, **options: Any) -> Any:
            number, self.calls = self.calls, self.calls + 1
            if self._error is Crash and number > self._at >= 0:
                raise Crash  # the dead do nothing more
            if number != self._at:
                return plain(*arguments, **options)
            self.last = name
            if self._is_after and name in ("rename", "link", "mkdir", "unlink"):
                plain(*arguments, **options)
            if self._error is Crash:
                raise Crash
            raise OSError(self._error, os.strerror(self._error))

        return call
