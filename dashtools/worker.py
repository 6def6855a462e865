"""The loop of every worker: tidy, claim, attempt, report; until drained, once, or for ever.

A worker's death at any point is safe by the spool's protocol. Ended politely (SIGINT, SIGTERM) it gives its claim back
at once and without counting a failure.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dashtools.attempt import Builder, Ending, Places, Rules, attempt
from dashtools.errors import BackendUnavailable, ClaimLost, DashtoolsError, OutputRefused, TryLater
from dashtools.interrupts import uninterrupted
from dashtools.log import LOGGER
from dashtools.notices import PUBLISHED, notices
from dashtools.ports import Progress, Stage
from dashtools.spool.cleanup import is_full
from dashtools.spool.janitor import Janitor
from dashtools.spool.layout import Entry
from dashtools.spool.presence import Presence
from dashtools.spool.queue import Claim, Spool
from dashtools.spool.reserve import Reserve
from dashtools.spool.scan import Scanner
from dashtools.spool.scratch import Scratch
from dashtools.spool.slots import Slots

POLL_S = (2.0, 10.0)  # jittered, so that many workers do not list the share in step


@dataclass(frozen=True)
class Plan:
    """What a worker is to do and how."""

    task_types: Sequence[str]
    capabilities: Mapping[str, Any]
    settings: Mapping[str, Any]
    rules: Rules
    lease_s: float = 180.0
    stage_timeout_s: float = 7200.0
    about: Mapping[str, Any] = field(default_factory=dict)
    state_dir: Path | None = None
    """Where this host keeps its own locks and notes; without it there is no limit and nothing is cleared."""
    most_at_once: int = 1


class Worker:
    """One worker process on one spool."""

    def __init__(
        self,
        spool: Spool,
        plan: Plan,
        tools: Mapping[str, Builder],
        places: Places,
        *,
        progress: Callable[[Claim], Progress] | None = None,
        report: Callable[[Claim, Ending], None] = lambda claim, ending: None,
    ) -> None:
        self._spool, self._plan, self._tools, self._places = spool, plan, dict(tools), places
        self._progress = progress or (lambda claim: lambda share, what: None)
        self._report = report
        self._stages: dict[str, Stage] = {}
        self._types = [name for name in plan.task_types if name in tools]
        self._janitor = Janitor(spool, lease_s=plan.lease_s, max_failures=plan.rules.max_failures)
        about = {"task_types": self._types, **plan.about}
        self._reserve = Reserve(spool.files)
        self._presence = Presence(spool.files, spool.me, lease_s=plan.lease_s, about=about)
        self._slots = Slots(plan.state_dir / "slots", plan.most_at_once) if plan.state_dir else None
        self._scratch = Scratch(plan.state_dir / "scratch", spool) if plan.state_dir else None
        self._held: Claim | None = None
        self._owed: list[Claim] = []
        self._scanner: Scanner | None = None
        self._scanned: list[str] = []
        self._tidied_at = 0.0
        self._told = ""
        self.unavailable: dict[str, BackendUnavailable] = {}

    def run(self, mode: str) -> int:
        """Works in mode once, drain or watch; the number of tasks that came to an end.

        Watching outlives a share that is away or full; the other modes end with that error. It ends where this host
        can do none of its types any more (a model gone, a GPU sick): whoever starts it again starts it afresh.
        """
        done = 0
        folders = [self._spool.root / name for name in ("tmp", "staging")]
        with self._present(), contextlib.ExitStack() as stack:
            wait = stack.enter_context(notices(folders, PUBLISHED)) if mode == "watch" else None
            while True:
                try:
                    self._tidy()
                    while (worked := self._one(self._next)) is not None:
                        done += worked
                        if mode == "once":
                            return done
                        if time.monotonic() - self._tidied_at > POLL_S[1]:
                            self._tidy()
                    self._told = ""
                except (TryLater, OutputRefused) as error:
                    if is_full(error):
                        self._reserve.relieve()
                    if wait is None:
                        raise
                    self._tell_once(str(error))
                if wait is None or self._is_useless():
                    if done:
                        self._tidy()  # what dead attempts of the tasks just done had staged is seen to be over only now
                    return done
                wait(random.uniform(*POLL_S))

    def _tell_once(self, trouble: str) -> None:
        """Warns of what hinders all work, not again at each look while it lasts."""
        kind = trouble.partition(",")[0]  # what follows may count and change
        if kind != self._told:
            LOGGER.warning("%s", trouble)
        self._told = kind

    def _is_useless(self) -> bool:
        return bool(self._types) and all(name in self.unavailable for name in self._types)

    def _tidy(self) -> None:
        """What is due for everybody and for ourselves; also between tasks, for a long queue must not delay it."""
        self._spool.give_back_unsure()
        for claim in self._owed[:]:
            self._give_back(claim, {"event": "interrupted", "message": "given back when the share was well again"})
            self._owed.remove(claim)
        for trouble in self._janitor.round().troubled:
            LOGGER.warning("%s", trouble)
        self._reserve.keep()
        self._tidied_at = time.monotonic()

    def _next(self) -> Claim | None:
        self._reserve.refuse_when_short()
        types = [name for name in self._types if name not in self.unavailable]
        if self._scanner is None or types != self._scanned:
            self._scanner, self._scanned = self._spool.scanner(types, self._plan.capabilities), types
        return self._spool.claim(self._scanner)

    def run_entries(self, entries: Sequence[Entry]) -> int:
        """Works on these very tasks, as far as they are still ready."""
        with self._present():
            return sum(self._one(partial(self._spool.claim_entry, entry)) or 0 for entry in entries)

    def _one(self, claim: Callable[[], Claim | None]) -> int | None:
        """Claims and works on a task while one of the host's places is held; None when there was nothing to claim."""
        with self._slots.one(self._has_work) if self._slots else contextlib.nullcontext(True) as is_free:
            return self._work() if is_free and self._take(claim) else None

    def _has_work(self) -> bool:
        """Is there still something to wait for a place for?"""
        return self._spool.scanner(self._types, self._plan.capabilities).next() is not None

    def is_held(self) -> bool:
        """Does the claim at hand still stand? True while the share cannot tell."""
        if self._held is None:
            return True
        try:
            self._spool.files.mtime_ns(self._held.path)
        except FileNotFoundError:
            return False
        except DashtoolsError:
            return True
        return True

    @contextlib.contextmanager
    def _present(self) -> Iterator[None]:
        """Alive in the spool; on the way out a claim that is still held is given back."""
        self._enter()
        try:
            for folder in self._scratch.clear() if self._scratch else ():
                LOGGER.info("%s was left by a killed worker and was removed", folder)
            yield
        finally:
            with uninterrupted():
                if self._held is not None:
                    self._owe(self._held, {"event": "interrupted", "message": "the worker was told to end"})
                with contextlib.suppress(DashtoolsError):
                    self._spool.give_back_unsure()
                if self._scratch is not None:
                    self._scratch.ended()
                self._presence.leave(is_clean=not self._owed and self._spool.unsure is None)

    def _enter(self) -> None:
        try:
            self._presence.enter()
        except OutputRefused:
            self._reserve.relieve()
            self._presence.enter()

    def _take(self, claim: Callable[[], Claim | None]) -> bool:
        with uninterrupted():
            self._held = claim()
        return self._held is not None

    def _work(self) -> int:
        """One attempt at the held claim, reported; 0 when the claim was lost or given back at once."""
        claim = self._held
        assert claim is not None
        try:
            self._presence.hold(claim.path)
            ending = self._attempt(claim)
        except ClaimLost as error:
            LOGGER.warning("%s", error)
            self._held = None
            return 0
        except BackendUnavailable as error:
            self.unavailable[claim.entry.task_type] = error
            LOGGER.error("%s cannot be done here: %s", claim.entry.task_type, error)
            self._owe(claim, {"event": "waited", "message": str(error)})
            return 0
        except (TryLater, OutputRefused) as error:
            self._owe(claim, {"event": "waited", "message": str(error)})
            raise
        self._held = None
        if isinstance(ending.error, BackendUnavailable):  # found out at work: a GPU fell sick, a library broke
            self.unavailable[claim.entry.task_type] = ending.error
        self._report(claim, ending)
        return 1

    def _attempt(self, claim: Claim) -> Ending:
        stage = self._stage(claim.entry.task_type)
        with watchdog(claim.path, self._plan.stage_timeout_s):
            return attempt(
                self._spool,
                claim,
                stage,
                self._places,
                settings=self._plan.settings,
                rules=self._plan.rules,
                progress=self._progress(claim),
                began=partial(self._scratch.began, claim) if self._scratch else lambda out: None,
            )

    def _stage(self, task_type: str) -> Stage:
        if task_type not in self._stages:
            self._stages[task_type] = self._tools[task_type]()
        return self._stages[task_type]

    def _owe(self, claim: Claim, reason: dict[str, Any]) -> None:
        """Gives a claim back, now or when the share is well again."""
        try:
            self._give_back(claim, reason)
        except (DashtoolsError, OSError) as error:
            LOGGER.warning("%s could not be given back: %s", claim.path, error)
            self._owed.append(claim)

    def _give_back(self, claim: Claim, reason: dict[str, Any]) -> None:
        self._held = None
        try:
            self._spool.release(claim, reason=reason)
        except ClaimLost:
            return


@contextlib.contextmanager
def watchdog(what: str, timeout_s: float) -> Iterator[None]:
    """Ends this process when a stage hangs; the janitors take the claim over and count the failure."""

    def end() -> None:
        LOGGER.error("%s hung for %.0f s: this worker ended itself", what, timeout_s)
        os._exit(70)

    timer = threading.Timer(timeout_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
