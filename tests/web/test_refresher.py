"""The refresher looks again and again, and says a problem once."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from dashtools.errors import TryLater
from dashtools.log import LOGGER
from dashtools.web.refresher import Refresher


def test_it_looks_until_it_is_stopped():
    looks = threading.Semaphore(0)
    refresher = Refresher(Path("spool"), Path("db"), every_s=0.001, look=lambda *_, **__: looks.release())
    refresher.start()
    assert all(looks.acquire(timeout=10) for _ in range(3))
    refresher.stop()
    assert not refresher._thread.is_alive()


class Told(logging.Handler):
    """Keeps what was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.mark.parametrize("error", [TryLater("the share is away"), RuntimeError("a defect")], ids=["ours", "a defect"])
def test_the_same_problem_is_told_once_and_told_again_after_it_went_away(error):
    outcomes = [error, error, None, error]

    def look(*_: object, **__: object) -> None:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome

    told = Told()
    refresher = Refresher(Path("spool"), Path("db"), look=look)
    LOGGER.addHandler(told)
    try:
        for _ in range(4):
            refresher.look_once()
    finally:
        LOGGER.removeHandler(told)
    assert len(told.lines) == 2
