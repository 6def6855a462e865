"""Asking again, ever more slowly, while the other side does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from dashtools.errors import TryLater
from dashtools.log import LOGGER

T = TypeVar("T")
FIRST_S, LONGEST_S = 2.0, 60.0


class NotNow(TryLater):
    """The other side said, or showed, that it cannot answer now; `after_s` is when it wants to be asked again."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


def patiently(
    ask: Callable[[], T],
    patience_s: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """What `ask` gives; after NotNow it is asked again in 2, 4, 8 ... s, or when it said, until patience ends.

    >>> answers, waits = [NotNow("away"), NotNow("away", 9)], []
    >>> patiently(lambda: "here" if not answers else (_ for _ in ()).throw(answers.pop()), 60, sleep=waits.append)
    'here'
    >>> waits
    [9, 4.0]
    """
    started_s, pause_s = clock(), FIRST_S
    while True:
        try:
            return ask()
        except NotNow as error:
            wait_s = max(pause_s, min(error.after_s, LONGEST_S))
            if clock() - started_s + wait_s > patience_s:
                raise
            LOGGER.info("%s; asking again in %.0f s", error, wait_s)
        sleep(wait_s)
        pause_s = min(LONGEST_S, pause_s * 2)
