"""Claims of devices that reach the spool through HTTP: kept alive by heartbeats alone.

A claim is a worker of its own, named http~<device>~<nonce>. Its record in workers/ has no host, process or lock, so an
observer can only judge it by its counter. All state lies in the spool: the server may be restarted at any time.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from dashtools.errors import BadInput, ClaimLost, DashtoolsError
from dashtools.model import Json, Task, with_changes
from dashtools.spool import layout, scan
from dashtools.spool import task as tasks
from dashtools.spool.janitor import Janitor
from dashtools.spool.layout import Entry
from dashtools.spool.queue import Claim, Spool
from dashtools.times import to_text, utc_now

DEVICE = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
NONCE = re.compile(r"[0-9a-f]{16,32}\Z")
CLAIM = re.compile(r"http~[A-Za-z0-9_-]{1,32}~[0-9a-f]{16,32}\Z")
TIDY_EVERY_S = 2.0


def name_of(device: str, nonce: str | None = None) -> str:
    """The name of a new claim; a client that gives the nonce may ask again when the reply was lost."""
    return f"http~{device}~{nonce or secrets.token_hex(16)}"


def acting(spool: Spool, worker: str) -> Spool:
    """The spool with another name for who acts."""
    return Spool(spool.root, spool.files, spool.uuid, replace(spool.me, worker=worker))


@dataclass(frozen=True)
class Wish:
    """What a device asks for: the next task of these types, or one of them by its id."""

    task_types: Sequence[str]
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    task_id: str | None = None
    by: str = "local"
    """Who asks, by the name of the token: nobody else may use the claim."""


def take(spool: Spool, name: str, wish: Wish) -> Claim | None:
    """A task for a device, held under `name`; the same one for a name that holds one already."""
    record = record_of(spool, name)
    if record is not None and record.get("holds"):
        return held(spool, name, wish.by)
    if _first(spool, wish) is None:
        return None  # an idle poll writes nothing
    about = {"task_types": list(wish.task_types), "by": wish.by}
    _write(spool, name, 1, None, about)
    mine = acting(spool, name)
    try:
        claim = _next_valid(mine, wish)
    except DashtoolsError:
        with contextlib.suppress(DashtoolsError):  # else the lease runs out
            mine.give_back_unsure()
        raise
    if claim is None:
        forget(spool, name)
        return None
    _write(spool, name, 2, claim.path, about)
    return claim


def _first(spool: Spool, wish: Wish) -> Entry | None:
    """What the wish would get."""
    if wish.task_id is None:
        return spool.scanner(wish.task_types, wish.capabilities).next()
    waiting = (entry for kind in wish.task_types for entry in spool.pending(kind) if entry.task_id == wish.task_id)
    found = next(waiting, None)
    is_free = found is not None and found.state == "ready" and layout.is_served(found.requirement, wish.capabilities)
    return found if is_free else None


def _next_valid(mine: Spool, wish: Wish) -> Claim | None:
    if wish.task_id is not None:
        entry = _first(mine, wish)
        return None if entry is None else mine.claim_entry(entry)
    scanner = mine.scanner(wish.task_types, wish.capabilities)
    while (claim := mine.claim(scanner)) is not None and claim.problem is not None:
        error = {"class": "BadInput", "message": claim.problem, "retryable": False, "traceback": None}
        final = with_changes(claim.task, state="complete", completed_at=to_text(utc_now()), error=error)
        mine.commit(claim, final)
    return claim


def held(spool: Spool, name: str, by: str = "local") -> Claim:
    """The claim of that name; ClaimLost when it is gone or was made by another."""
    record = record_of(spool, name)
    path = str(record.get("holds")) if record is not None else ""
    entry = layout.parse(path)
    if record is None or entry is None or entry.worker != name or record.get("by", "local") != by:
        raise ClaimLost("the claim is gone")
    try:
        task = tasks.reopened(tasks.from_bytes(spool.files.read(path)))
    except FileNotFoundError:
        raise ClaimLost("the claim is gone") from None
    task = with_changes(task, attempt=entry.attempt, failures=entry.failures, priority=entry.priority)
    return Claim(path, entry, task)


def beat(spool: Spool, name: str, by: str = "local") -> Claim:
    """Raises the counter of a claim that still stands; ClaimLost otherwise."""
    claim = held(spool, name, by)
    record = record_of(spool, name) or {}
    about = {"task_types": record.get("task_types", []), "by": by}
    _write(spool, name, int(record.get("beat", 0)) + 1, claim.path, about)
    return claim


def with_history(spool: Spool, claim: Claim) -> Task:
    """The claimed task with why its earlier attempts ended, as a worker on files records it."""
    known = {entry.get("attempt") for entry in claim.task.history}
    earlier = spool.attempts(claim.entry) if claim.entry.attempt > 1 else []
    fresh = tuple(entry for entry in earlier if entry["attempt"] not in known)
    return with_changes(claim.task, history=(*claim.task.history, *fresh))


def committed(spool: Spool, name: str, task_id: str, path: str | None) -> Task | None:
    """The final record that this claim's own commit left, if it did: the reply to it was lost.

    `path` is what the claim held; where its record is gone too, the task is looked for and must name the claim.
    """
    entry = layout.parse(path or "")
    if entry is not None:
        for final in scan.records_of(spool.files, entry.key):
            with contextlib.suppress(FileNotFoundError):
                if final.attempt == entry.attempt:
                    return spool.load(final)
        return None
    found = spool.find(task_id)
    if found is None or found.is_pending:
        return None
    with contextlib.suppress(FileNotFoundError, BadInput):
        task = spool.load(found)
        return task if task.metadata.get("claim") == name else None
    return None


def record_of(spool: Spool, name: str) -> Json | None:
    """What workers/ says of a claim."""
    try:
        value = orjson.loads(spool.files.read(f"workers/{name}.json"))
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    return value if isinstance(value, dict) else None


def forget(spool: Spool, name: str) -> None:
    """Removes the record of a claim that ended."""
    spool.files.unlink(f"workers/{name}.json")


def _write(spool: Spool, name: str, counter: int, holds: str | None, about: Json) -> None:
    record = {"worker": name, "device_id": name.split("~")[1], "via": "http", "lock": "unavailable", "beat": counter}
    record |= {"holds": holds, **about}
    scratch = f"tmp/beat~{name}~{secrets.token_hex(4)}"  # two heartbeats at once must not share it
    spool.files.replace(f"workers/{name}.json", orjson.dumps(record, option=orjson.OPT_INDENT_2), scratch)


class Tidier:
    """A janitor that runs when devices ask for work: where all of them use HTTP, nobody else would."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._janitor: Janitor | None = None
        self._due = 0.0

    def tidy(self, root: Path, lease_s: float, max_failures: int) -> None:
        """One round, unless there was one just now or one is running."""
        if time.monotonic() < self._due or not self._lock.acquire(blocking=False):
            return
        try:
            if self._janitor is None:
                self._janitor = Janitor(Spool.open(root), lease_s=lease_s, max_failures=max_failures)
            self._janitor.round()
            self._due = time.monotonic() + TIDY_EVERY_S
        finally:
            self._lock.release()
