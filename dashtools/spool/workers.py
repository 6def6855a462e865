"""Who is alive: a worker's name, its heartbeat and its lock, and how others judge it.

Locks say who is alive; renames say who owns. A worker is dead
* on the same host at once, when its pid, start time or boot is gone;
* on another host when its heartbeat stood still for a whole lease on the observer's own monotonic clock.
No two clocks are compared.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from dashtools.errors import DashtoolsError
from dashtools.model import Json
from dashtools.spool.atomic import Files


def _read_text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _process_start(pid: int) -> str:
    """Field 22 of /proc/<pid>/stat (proc(5)): start time in ticks since boot; empty when there is no such process."""
    text = _read_text(f"/proc/{pid}/stat")
    fields = text.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in ("Z", "X") else ""


def _pid_namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


@dataclass(frozen=True)
class Identity:
    """A process that works on the spool: its name is never used again."""

    worker: str
    host: str
    machine: str
    boot: str
    pid_namespace: str
    pid: int
    start: str

    @staticmethod
    def mine(host_id: str | None = None) -> Identity:
        """This process. `host_id` stands in for the host's name to try out the paths between hosts on one machine."""
        host = re.sub(r"[^A-Za-z0-9_-]", "-", host_id or socket.gethostname())[:32] or "host"
        boot = _read_text("/proc/sys/kernel/random/boot_id").replace("-", "")
        pid, start = os.getpid(), _process_start(os.getpid())
        worker = f"{host}~{boot[:8]}~{pid}~{start}~{secrets.token_hex(2)}"
        return Identity(worker, host, _read_text("/etc/machine-id"), boot, _pid_namespace(), pid, start)

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def is_gone(record: Json, me: Identity) -> bool | None:
    """Is the worker of this record dead for sure (True), alive for sure (False), or not ours to see (None)?"""
    if record.get("host") != me.host or record.get("machine") != me.machine:
        return None
    if record.get("boot") != me.boot:
        return True
    if record.get("pid_namespace") != me.pid_namespace:
        return None
    return _process_start(int(record.get("pid", 0))) != record.get("start")


class Observer:
    """Judges other hosts' workers by heartbeats that stand still on this host's monotonic clock."""

    def __init__(self, files: Files, me: Identity, lease_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._files, self._me, self._lease_s, self._clock = files, me, lease_s, clock
        self._seen: dict[str, tuple[object, float]] = {}

    def dead(self) -> list[str]:
        """Workers that are dead by now, each named once per look."""
        found = []
        for name in sorted(self._files.names("workers")):
            if not name.endswith(".json"):
                continue
            worker = name[:-5]
            if worker != self._me.worker and self.is_dead(worker):
                found.append(worker)
        return found

    def is_dead(self, worker: str) -> bool:
        """Is this worker dead? A worker without a record is: records go last."""
        try:
            record = orjson.loads(self._files.read(f"workers/{worker}.json"))
        except FileNotFoundError:
            return True
        except orjson.JSONDecodeError:
            record = {}
        gone = is_gone(record, self._me)
        if gone is not None:
            return gone
        now, beat = self._clock(), record.get("beat")
        known = self._seen.get(worker)
        if known is None or known[0] != beat:
            self._seen[worker] = (beat, now)
            return False
        return now - known[1] >= self._lease_s


class Presence:
    """This worker's own record and lock in the spool, kept fresh until `leave`."""

    def __init__(self, files: Files, me: Identity, *, lease_s: float, about: Json) -> None:
        self._files, self.me, self._lease_s, self._about = files, me, lease_s, about
        self._beat = 0
        self._holds: str | None = None
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._lock = FileLock(str(files.root / "workers" / f"{me.worker}.lock"), thread_local=False)
        self._thread = threading.Thread(target=self._keep_beating, name="heartbeat", daemon=True)

    def enter(self) -> None:
        """Writes the record, takes the lock, starts the heartbeat."""
        try:
            self._lock.acquire(timeout=0)
        except (Timeout, NotImplementedError, OSError):
            self._about = {**self._about, "lock": "unavailable"}
        self.beat()
        self._thread.start()

    def hold(self, path: str | None) -> None:
        """Says in the record which claim is being worked on; for people, not for safety."""
        self._holds = path
        self.beat()

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

    def leave(self) -> None:
        """Stops the heartbeat and takes the record away; call only when no claim is held."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._files.unlink(f"workers/{self.me.worker}.json")
        self._lock.release()
        self._files.unlink(f"workers/{self.me.worker}.lock")

    def _keep_beating(self) -> None:
        while not self._stop.wait(self._lease_s / 4):
            try:
                self.beat()
            except (DashtoolsError, OSError):
                continue  # the share is away: the lease runs out by itself, safety does not depend on it
