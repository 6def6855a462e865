"""Keeps the index fresh while pages are served: one thread, a look every few seconds, jittered."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

from dashtools.errors import DashtoolsError
from dashtools.index.refresh import refresh
from dashtools.log import LOGGER

WRITER_WAIT_S = 1.0  # another process that writes the index makes it fresh for us


class Refresher:
    """Calls refresh until it is stopped; a failure is logged once and tried again."""

    def __init__(
        self, spool_root: Path, db: Path, *, every_s: float = 4.0, look: Callable[..., object] = refresh
    ) -> None:
        self._spool_root, self._db, self._every_s, self._look = spool_root, db, every_s, look
        self._stop = threading.Event()
        self._problem = ""
        self._thread = threading.Thread(target=self._run, name="index refresher", daemon=True)

    def start(self) -> None:
        """Begins looking in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the look in progress."""
        self._stop.set()
        self._thread.join(timeout=10)

    def look_once(self) -> None:
        """One look; what went wrong is logged when it is new."""
        try:
            self._look(self._spool_root, self._db, wait_s=WRITER_WAIT_S)
            problem = ""
        except (DashtoolsError, OSError) as error:
            problem = str(error)
        except Exception as error:  # a defect must not end the freshness for ever without a word
            problem = f"{type(error).__name__}: {error}"
        if problem and problem != self._problem:
            LOGGER.warning("the index was not refreshed: %s", problem)
        self._problem = problem

    def _run(self) -> None:
        while not self._stop.wait(self._every_s * random.uniform(0.7, 1.3)):
            self.look_once()
