"""How a worker's death is seen. Locks say who is alive; renames say who owns: a wrong guess only wastes work.

A worker is dead
* "process": at once, where its pid can be looked up and it is gone, or its host was started anew since it last beat;
* "lease": when its heartbeat stood still for a whole lease on the observer's own monotonic clock;
* "lock": when it missed two beats and its lock can be taken, where `dc-doctor share` proved that locks are visible.
No two hosts' clocks are compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from dashtools.model import Json
from dashtools.spool.atomic import Files
from dashtools.spool.workers import BEATS_PER_LEASE, Identity, is_gone, is_gone_by_name

BOOT_MARGIN_S = 2.0


@dataclass
class _Look:
    """What was seen of a worker: its counter, for how long it stood still, and when we last looked."""

    beat: object
    stood_s: float
    at: float


class Observer:
    """Judges workers; it must look again and again, for it only counts time in which it did."""

    def __init__(
        self,
        files: Files,
        me: Identity,
        lease_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        are_locks_visible: bool = False,
    ) -> None:
        self._files, self._me, self._lease_s, self._clock = files, me, lease_s, clock
        self._are_locks_visible = are_locks_visible
        self._seen: dict[str, _Look] = {}

    def dead(self) -> dict[str, str]:
        """Workers with a record that are dead by now, and how that was seen."""
        names = [name[:-5] for name in sorted(self._files.names("workers")) if name.endswith(".json")]
        found = {worker: self.death(worker) for worker in names}
        return {worker: how for worker, how in found.items() if how is not None}

    def is_dead(self, worker: str, left: str = "") -> bool:
        """Is this worker dead?"""
        return self.death(worker, left) is not None

    def death(self, worker: str, left: str = "") -> str | None:
        """How this worker is known to be dead: process, lease, lock; None while it may live.

        Commands that only publish have no record: for them the lease is that of the file which they `left`.
        """
        if worker == self._me.worker:
            return None
        record = self._record(worker)
        gone = is_gone_by_name(worker, self._me) if record is None else is_gone(record, self._me)
        if gone or (record is not None and self._was_before_our_boot(worker, record)):
            return "process"
        stood_s = self._stood_s(left or worker, None) if record is None else self._stood_s(worker, record.get("beat"))
        if stood_s >= self._lease_s:
            return "lease"
        if self._are_locks_visible and stood_s >= 2 * self._lease_s / BEATS_PER_LEASE and record is not None:
            has_lock = record.get("lock") != "unavailable"
            if has_lock and self._files.is_lock_free(f"workers/{worker}.lock"):
                return "lock"
        return None

    def _record(self, worker: str) -> Json | None:
        try:
            value = orjson.loads(self._files.read(f"workers/{worker}.json"))
        except (FileNotFoundError, orjson.JSONDecodeError):
            return None
        return value if isinstance(value, dict) else None

    def _stood_s(self, worker: str, beat: object) -> float:
        """For how long the counter stood still while we looked.

        A gap in our own looking counts for half a lease at most: after an outage of the share everybody's heart seems
        to have stood still, and the living need the time of two beats to show themselves.
        """
        now, known = self._clock(), self._seen.get(worker)
        if known is None or known.beat != beat:
            self._seen[worker] = _Look(beat, 0.0, now)
            return 0.0
        known.stood_s += min(now - known.at, 2 * self._lease_s / BEATS_PER_LEASE)
        known.at = now
        return known.stood_s

    def _was_before_our_boot(self, worker: str, record: Json) -> bool:
        """Did this host start since the worker last beat?

        Another boot id alone does not tell: a cloned disk has our name and machine id, and beats on. Both times are
        the file server's, and the time since our boot is our own.
        """
        is_like_us = (record.get("host"), record.get("machine")) == (self._me.host, self._me.machine)
        if not is_like_us or record.get("boot") == self._me.boot:
            return False
        up_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        try:
            beat_ns = self._files.mtime_ns(f"workers/{worker}.json")
        except FileNotFoundError:
            return False
        now_ns = self._files.now_ns(f"tmp/clock~{self._me.worker}~boot")
        return (now_ns - beat_ns) / 1e9 > up_s + BOOT_MARGIN_S
