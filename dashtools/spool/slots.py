"""How many tasks run at once on this host: so many locks in its own state folder, one held by each.

The locks are host-local and die with their process; nothing else depends on them.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from dashtools.errors import OutputRefused

POLL_S = (0.1, 0.5)


class Slots:
    """`count` places in `folder`; any number of processes may ask for one."""

    def __init__(self, folder: Path, count: int, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._folder, self._sleep = folder, sleep
        self._locks = [FileLock(str(folder / f"slot.{n}.lock"), thread_local=False) for n in range(count)]

    @contextlib.contextmanager
    def one(self, is_wanted: Callable[[], bool] = lambda: True) -> Iterator[bool]:
        """Holds a place; waits for it while it is wanted; says whether it got one."""
        lock = self._try()
        while lock is None and is_wanted():
            self._sleep(random.uniform(*POLL_S))
            lock = self._try()
        try:
            yield lock is not None
        finally:
            if lock is not None:
                lock.release()

    def _try(self) -> FileLock | None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for lock in random.sample(self._locks, len(self._locks)):
                with contextlib.suppress(Timeout):
                    lock.acquire(timeout=0)
                    return lock
        except OSError as error:
            raise OutputRefused(f"{self._folder}: {error.strerror}; workers keep their locks there") from error
        return None
