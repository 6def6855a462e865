"""SIGINT, SIGTERM and a closed terminal as one exception, held back while a step must not be cut in two."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked this process to end."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class _State:
    depth = 0
    waiting: int | None = None


def _stop(signum: int, frame: FrameType | None) -> None:
    """Raises once: a second signal does not cut the tidying short."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    if _State.depth:
        _State.waiting = signum
        return
    raise Stopped(signum)


@contextlib.contextmanager
def stopping_by_signal() -> Iterator[None]:
    """Turns the first of STOPPING into Stopped in the main thread."""
    _State.waiting = None
    before = {number: signal.signal(number, _stop) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds Stopped back to the end of the block, so that a claim or a commit is never left half way."""
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1
        if _State.depth == 0 and _State.waiting is not None:
            signum, _State.waiting = _State.waiting, None
            raise Stopped(signum)
