"""Leaves the graphics card to whoever else wants it: a process of another program, or a person's quiet hours."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, time

from dashtools.errors import TryLater
from dashtools.log import LOGGER

POLL_S = 0.5  # and nvidia-smi's own answer: the card is free within a second


def is_quiet(hours: str | None, now: time) -> bool:
    """Does a time of day lie in hours such as 22:00-07:00? Its end is not in it; 00:00-00:00 is all day.

    >>> is_quiet("22:00-07:00", time(23, 5)), is_quiet("22:00-07:00", time(7, 0)), is_quiet(None, time(1))
    (True, False, False)
    """
    if hours is None:
        return False
    begin, end = (time.fromisoformat(text) for text in hours.split("-"))
    return begin <= now < end if begin < end else now >= begin or now < end


def local_time() -> time:
    """This host's time of day, for the hours that a person named."""
    return datetime.now().astimezone().time()


def end_ourselves() -> None:
    """What a service manager does: the worker gives its task back and ends; no failure is counted."""
    os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def yielding(
    wanted: Callable[[], str | None], stop: Callable[[], None] = end_ourselves, poll_s: float = POLL_S
) -> Iterator[None]:
    """Calls `stop` once, while the block runs, when `wanted` says why; TryLater when it does so at the beginning."""
    reason = wanted()
    if reason is not None:
        raise TryLater(f"{reason}; it is tried again later")
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(poll_s):
            found = wanted()
            if found is not None and not is_over.is_set():
                LOGGER.warning("%s: this worker gave its task back", found)
                stop()
                return

    watcher = threading.Thread(target=watch, name="yielding", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
