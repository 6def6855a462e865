"""Tidies what the dead left: takes over orphans, wakes delayed tasks, finishes activations and publishes.

Every worker runs it; any number may run at once, because each step is a rename whose source only one can find.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dashtools.errors import BadInput, ClaimLost, TaskSystemError, TryLater
from dashtools.model import Task, with_changes
from dashtools.spool import layout, ledger, scan, share
from dashtools.spool import task as tasks
from dashtools.spool.layout import Entry
from dashtools.spool.leaf import BACK
from dashtools.spool.observer import Observer
from dashtools.spool.queue import Claim, Spool
from dashtools.times import to_text, utc_now

ABANDONED_S = 36 * 3600.0  # as maildir(5): what nobody finished in 36 hours is garbage


@dataclass
class Tidied:
    """What one round did: paths of tasks by what happened to them."""

    taken_over: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    activated: list[str] = field(default_factory=list)
    published: list[str] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)
    troubled: list[str] = field(default_factory=list)


class Janitor:
    """One process's janitor; it remembers heartbeats between rounds."""

    def __init__(
        self, spool: Spool, *, lease_s: float, max_failures: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._spool, self._files, self._max_failures = spool, spool.files, max_failures
        self._lease_s, self._clock = lease_s, clock
        share.refuse_unsafe(spool.files)
        visible = share.are_locks_visible(spool.files)
        self._observer = Observer(spool.files, spool.me, lease_s, clock, are_locks_visible=visible)
        self._staged_before: set[str] = set()
        self._swept_at = clock()

    def round(self) -> Tidied:
        """Does all that is due now; once a lease it looks through all of pending/."""
        return self._round(is_thorough=self._clock() - self._swept_at >= self._lease_s)

    def sweep(self) -> Tidied:
        """A round that looks through all of pending/, also for claims whose worker has no record."""
        done = self._round(is_thorough=True)
        self._reap_scratch()
        self._reap_locks()
        return done

    def _round(self, *, is_thorough: bool) -> Tidied:
        done = Tidied()
        dead = self._observer.dead()
        staged = set(self._files.names("staging"))
        suspects = staged if is_thorough else staged & self._staged_before
        self._staged_before, orphaned = staged, set[str | None]()
        if dead or suspects or is_thorough:
            pending = list(scan.pending(self._files))
            claims = [entry for entry in pending if entry.state == "claimed"]
            kept = [entry for entry in claims if not self._take_if_dead(entry, dead, done, look=is_thorough)]
            self._settle(suspects, _over(pending), done)
            orphaned = {entry.worker for entry in kept}
        self._finish_publishes(dead, done)
        for worker in set(dead) - orphaned:  # last, for what it left is judged by its record
            self._forget(worker)
        self._wake(done)
        if is_thorough:
            self._swept_at = self._clock()
        return done

    # -- orphans -------------------------------------------------------------------------------------------------

    def _take_if_dead(self, entry: Entry, dead: dict[str, str], done: Tidied, *, look: bool) -> bool:
        """Is the claim gone from its worker?"""
        worker = str(entry.worker)
        how = dead.get(worker) or (self._observer.death(worker) if look else None)
        if how is None:
            return False
        self._take(entry, how, done)
        return True

    def _take(self, entry: Entry, how: str, done: Tidied) -> None:
        """Back to ready with one more failure; its number is burnt, so the dead worker's commit finds no source."""
        failures = entry.failures + 1
        folder = entry.path.rpartition("/")[0]
        self._spool.note_attempt(entry, {"event": "worker died", "worker": entry.worker, "seen_by": how})
        try:
            if failures >= self._max_failures:
                self._give_up(entry, folder, failures, done)
                return
            target = f"{folder}/{layout.ready_name(entry.key, entry.attempt, failures)}"
            self._files.rename(entry.path, target)
        except (FileNotFoundError, ClaimLost):
            return  # another janitor was faster, or the worker lives and went on
        done.taken_over.append(target)

    def _give_up(self, entry: Entry, folder: str, failures: int, done: Tidied) -> None:
        mine = f"{folder}/{layout.claimed_name(entry.key, entry.attempt + 1, failures, self._spool.me.worker)}"
        self._files.rename(entry.path, mine)
        owned = layout.parse(mine)
        assert owned is not None
        message = f"{failures} attempts ended with the worker's death; see attempts/{entry.key}.*"
        done.given_up.append(str(self._spool.commit(*flagged(self._spool, owned, message))))

    def _forget(self, worker: str) -> None:
        """Removes the record of a dead worker that no claim names."""
        self._files.unlink(f"workers/{worker}.json")
        self._files.unlink(f"workers/{worker}.lock")
        self._files.unlink(f"tmp/beat~{worker}")

    # -- half-done publishes -------------------------------------------------------------------------------------

    def _settle(self, staged: set[str], over: dict[str, int], done: Tidied) -> None:
        """Activates committed attempts, discards those that ended without a commit, leaves all others alone.

        Both need to be seen: the attempt's own record, or its task somewhere else. A record that is not seen proves
        nothing: an overtaken listing would throw a committed attempt's children away.
        """
        for name in sorted(staged):
            key, attempt = layout.parse_staging(name) or ("", 0)
            if not key:
                continue
            folder = f"staging/{name}"
            try:
                complete, latest = self._record(key, attempt)
                if complete is not None:
                    self._spool.activate(folder, complete)
                    done.activated.append(complete)
                elif max(over.get(key, -1), latest - 1) >= attempt:
                    self._spool.discard_staging(folder)
                    done.discarded.append(folder)
            except (BadInput, TaskSystemError) as error:
                done.troubled.append(f"{folder}: {error}")  # one bad folder must not stop the others

    def _record(self, key: str, attempt: int) -> tuple[str | None, int]:
        """The record of an attempt, and the latest attempt of its key that has one."""
        found, latest = None, -1
        for entry in scan.records_of(self._files, key):
            latest = max(latest, entry.attempt)
            found = entry.path if entry.attempt == attempt else found
        return found, latest

    def _finish_publishes(self, dead: dict[str, str], done: Tidied) -> None:
        """Tasks whose publisher died between making the marker and the rename; losers and torn files go."""
        for name in sorted(self._files.names("tmp")):
            kind, _, rest = name.partition("~")
            if kind not in (ledger.ROOT, BACK) or rest.endswith("~link"):
                continue
            what, _, worker = rest.partition("~")
            if worker != self._spool.me.worker and (worker in dead or self._observer.is_dead(worker, name)):
                self._finish_publish(kind, f"tmp/{name}", what, done)

    def _finish_publish(self, kind: str, scratch: str, what: str, done: Tidied) -> None:
        try:
            marker, target = ledger.place_of(kind, self._files.read(scratch), what)
            if ledger.finish(self._files, scratch, marker, target) is not None:
                done.published.append(target)
        except FileNotFoundError:
            return
        except BadInput:
            self._files.unlink(scratch)
        except TryLater as error:
            done.troubled.append(str(error))

    def _reap_locks(self) -> None:
        """Removes the locks of workers that died before they wrote their record."""
        names = set(self._files.names("workers"))
        for name in sorted(names):
            worker = name[:-5]
            if name.endswith(".lock") and f"{worker}.json" not in names and self._observer.is_dead(worker):
                self._files.unlink(f"workers/{name}")

    def _reap_scratch(self) -> None:
        """Removes scratch files of nobody: older than 36 hours by the file server's clock."""
        names = self._files.names("tmp")
        limit = self._spool.now().timestamp() - ABANDONED_S if names else 0.0
        for name in names:
            is_publish = name.startswith((f"{ledger.ROOT}~", f"{BACK}~")) and not name.endswith("~link")
            try:
                if not is_publish and self._files.mtime_ns(f"tmp/{name}") / 1e9 < limit:
                    self._files.remove(f"tmp/{name}")
            except FileNotFoundError:
                continue

    # -- delayed -------------------------------------------------------------------------------------------------

    def _wake(self, done: Tidied) -> None:
        """Renames what has waited long enough, by the file server's clock, back to ready."""
        waiting = list(_delayed(self._spool))
        if not waiting:
            return
        now = self._spool.now().strftime(layout.TIME_FORMAT)[:15]
        for entry in waiting:
            if entry.not_before is None or entry.not_before > now:
                continue
            folder = self._spool.buckets.pending_folder(entry.task_type, entry.requirement, entry.priority, entry.key)
            target = f"{folder}/{layout.ready_name(entry.key, entry.attempt, entry.failures)}"
            try:
                self._files.rename(entry.path, target)
            except FileNotFoundError:
                continue
            done.woken.append(target)


def _over(pending: list[Entry]) -> dict[str, int]:
    """For each key the highest attempt that is surely over: a waiting task carries the number of its last attempt."""
    found: dict[str, int] = {}
    for entry in pending:
        over = entry.attempt - 1 if entry.state == "claimed" else entry.attempt
        found[entry.key] = max(over, found.get(entry.key, -1))
    return found


def _delayed(spool: Spool) -> list[Entry]:
    found = []
    for task_type in spool.files.names("pending"):
        for requirement in spool.files.names(f"pending/{task_type}"):
            folder = f"pending/{task_type}/{requirement}/delayed"
            for name in sorted(spool.files.names(folder)):
                entry = layout.parse(f"{folder}/{name}")
                if entry is not None:
                    found.append(entry)
    return found


def flagged(spool: Spool, owned: Entry, message: str) -> tuple[Claim, Task]:
    """A claim of ours and the final record that closes it with the error flag."""
    try:
        task = tasks.reopened(tasks.from_bytes(spool.files.read(owned.path)))
    except BadInput:
        task = Task(task_id=owned.task_id, task_type=owned.task_type, video_id="")
    task = with_changes(task, priority=owned.priority)
    final = with_changes(
        task,
        state="complete",
        attempt=owned.attempt,
        failures=owned.failures,
        completed_at=to_text(utc_now()),
        error={"class": "WorkerDied", "message": message, "retryable": True, "traceback": None},
        history=(*task.history, *spool.attempts(owned)),
    )
    return Claim(owned.path, owned, task), final
