"""This worker's own record and lock in the spool: how it shows that it is alive."""

from __future__ import annotations

import contextlib
import threading
import time

import orjson
from filelock import FileLock, Timeout

from dashtools.errors import DashtoolsError
from dashtools.model import Json
from dashtools.spool.atomic import Files
from dashtools.spool.workers import BEATS_PER_LEASE as BEATS_PER_LEASE
from dashtools.spool.workers import Identity

TELL_AFTER_S = 1.0  # a claim that is held for less is not worth a write


class Presence:
    """A record with a heartbeat counter, and a file lock held for life; kept fresh until `leave`."""

    def __init__(self, files: Files, me: Identity, *, lease_s: float, about: Json) -> None:
        self._files, self.me, self._lease_s, self._about = files, me, lease_s, about
        self._beat = 0
        self._holds: str | None = None
        self._stop, self._wake = threading.Event(), threading.Event()
        self._guard = threading.Lock()
        self._lock = FileLock(str(files.root / "workers" / f"{me.worker}.lock"), thread_local=False)
        self._thread = threading.Thread(target=self._keep_beating, name="heartbeat", daemon=True)

    def enter(self) -> None:
        """Takes the lock, writes the record, starts the heartbeat."""
        try:
            self._lock.acquire(timeout=0)
        except (Timeout, NotImplementedError, OSError):
            self._about = {**self._about, "lock": "unavailable"}
        try:
            self.beat()
        except BaseException:
            self._lock.release()
            raise
        self._thread.start()

    def hold(self, path: str | None) -> None:
        """Says in the record, a second later, which claim is being worked on; for people, not for safety."""
        self._holds = path
        self._wake.set()

    def beat(self) -> None:
        """Raises the counter."""
        with self._guard:
            self._beat += 1
            record = {**self.me.to_json(), **self._about, "beat": self._beat, "holds": self._holds}
            self._files.replace(
                f"workers/{self.me.worker}.json",
                orjson.dumps(record, option=orjson.OPT_INDENT_2),
                f"tmp/beat~{self.me.worker}",
            )

    def leave(self, *, is_clean: bool = True) -> None:
        """Stops the heartbeat; takes the record away if no claim is held, else leaves it for those who judge us."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._lock.release()
        if is_clean:
            with contextlib.suppress(DashtoolsError, OSError):  # the share is away: a janitor removes them
                self._files.unlink(f"workers/{self.me.worker}.json")
                self._files.unlink(f"workers/{self.me.worker}.lock")

    def _keep_beating(self) -> None:
        next_beat = time.monotonic() + self._lease_s / BEATS_PER_LEASE
        told = self._holds
        while not self._stop.is_set():
            self._wake.wait(max(0.0, next_beat - time.monotonic()))
            if self._wake.is_set():
                self._wake.clear()
                self._stop.wait(min(TELL_AFTER_S, max(0.0, next_beat - time.monotonic())))
                if self._holds == told and time.monotonic() < next_beat:
                    continue
            if self._stop.is_set():
                return
            next_beat = time.monotonic() + self._lease_s / BEATS_PER_LEASE
            told = self._holds
            try:
                self.beat()
            except (DashtoolsError, OSError):
                continue  # the share is away: the lease runs out by itself, safety does not depend on it
