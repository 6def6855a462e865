"""Who is alive: a worker's name and what it says of the process; `presence` and `observer` build on it.

The second field of a name is a digest of machine, boot and pid namespace: only processes that share it can judge each
other by their pids. Cloned disks (same host name, same machine id) and containers never do.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from dashtools.model import Json

BEATS_PER_LEASE = 4


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


def world_of(machine: str, boot: str, pid_namespace: str) -> str:
    """Eight digits that two processes share when each may judge the other by its pid."""
    return hashlib.blake2b(f"{machine}\0{boot}\0{pid_namespace}".encode(), digest_size=4).hexdigest()


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
        machine, namespace = _read_text("/etc/machine-id"), _pid_namespace()
        worker = f"{host}~{world_of(machine, boot, namespace)}~{pid}~{start}~{secrets.token_hex(2)}"
        return Identity(worker, host, machine, boot, namespace, pid, start)

    @property
    def world(self) -> str:
        """The digest of machine, boot and pid namespace."""
        return world_of(self.machine, self.boot, self.pid_namespace)

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def is_gone(record: Json, me: Identity) -> bool | None:
    """Is the worker of this record dead for sure (True), alive for sure (False), or not ours to see (None)?"""
    if record.get("host") != me.host:
        return None
    known = (str(record.get("machine")), str(record.get("boot")), str(record.get("pid_namespace")))
    if world_of(*known) != me.world:
        return None
    return _process_start(int(record.get("pid", 0))) != record.get("start")


def is_gone_by_name(worker: str, me: Identity) -> bool | None:
    """The same where only the name is left."""
    fields = worker.split("~")
    if len(fields) != 5 or fields[:2] != [me.host, me.world] or not fields[2].isdigit():
        return None
    return _process_start(int(fields[2])) != fields[3]
