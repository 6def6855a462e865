"""Tidies what the dead left: takes over orphans, wakes delayed tasks, finishes activations and publishes.

Every worker runs it; any number may run at once, because each step is a rename whose source only one can find.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from dashtools.errors import BadInput
from dashtools.model import Task, with_changes
from dashtools.spool import layout, scan
from dashtools.spool import task as tasks
from dashtools.spool.layout import Entry
from dashtools.spool.queue import MANIFEST, Claim, Spool, known_path
from dashtools.spool.workers import Observer
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


class Janitor:
    """One process's janitor; it remembers heartbeats between rounds."""

    def __init__(self, spool: Spool, *, lease_s: float, max_failures: int) -> None:
        self._spool, self._files, self._max_failures = spool, spool.files, max_failures
        self._observer = Observer(spool.files, spool.me, lease_s)

    def round(self) -> Tidied:
        """Does all that is due now."""
        done = Tidied()
        dead = self._observer.dead()
        if dead:
            self._take_over(set(dead), done)
        self._finish_staging(done)
        self._finish_roots(done)
        self._wake(done)
        for worker in dead:
            self._forget(worker)
        return done

    def sweep(self) -> Tidied:
        """A round that also looks for claims whose worker has no record at all (a full listing of pending/)."""
        done = self.round()
        workers = {entry.worker for entry in scan.pending(self._files) if entry.worker}
        self._take_over({w for w in workers if w != self._spool.me.worker and self._observer.is_dead(w)}, done)
        self._reap_scratch()
        return done

    def _reap_scratch(self) -> None:
        """Removes scratch files of nobody: older than 36 hours by the file server's clock."""
        names = self._files.names("tmp")
        limit = self._spool.now().timestamp() - ABANDONED_S if names else 0.0
        for name in names:
            try:
                if not name.startswith("root~") and self._files.mtime_ns(f"tmp/{name}") / 1e9 < limit:
                    self._files.unlink(f"tmp/{name}")
            except FileNotFoundError:
                continue

    # -- orphans -------------------------------------------------------------------------------------------------

    def _take_over(self, dead: set[str], done: Tidied) -> None:
        for entry in list(scan.pending(self._files)):
            if entry.worker in dead:
                self._take(entry, done)

    def _take(self, entry: Entry, done: Tidied) -> None:
        """Back to ready with one more failure; its number is burnt, so the dead worker's commit finds no source."""
        failures = entry.failures + 1
        folder = entry.path.rpartition("/")[0]
        self._spool.note_attempt(entry, {"event": "worker died", "worker": entry.worker})
        if failures >= self._max_failures:
            self._give_up(entry, folder, failures, done)
            return
        target = f"{folder}/{layout.ready_name(entry.key, entry.attempt, failures)}"
        try:
            self._files.rename(entry.path, target)
        except FileNotFoundError:
            return
        done.taken_over.append(target)

    def _give_up(self, entry: Entry, folder: str, failures: int, done: Tidied) -> None:
        mine = f"{folder}/{layout.claimed_name(entry.key, entry.attempt + 1, failures, self._spool.me.worker)}"
        try:
            self._files.rename(entry.path, mine)
        except FileNotFoundError:
            return
        owned = layout.parse(mine)
        assert owned is not None
        message = f"{failures} attempts ended with the worker's death; see attempts/{entry.key}.*"
        done.given_up.append(str(self._spool.commit(*flagged(self._spool, owned, message))))

    def _forget(self, worker: str) -> None:
        """Removes a dead worker's record, but only once no claim names it."""
        if any(entry.worker == worker for entry in scan.pending(self._files)):
            return
        self._files.unlink(f"workers/{worker}.json")
        self._files.unlink(f"workers/{worker}.lock")
        self._files.unlink(f"tmp/beat~{worker}")

    # -- half-done publishes -------------------------------------------------------------------------------------

    def _finish_staging(self, done: Tidied) -> None:
        for name in sorted(self._files.names("staging")):
            parsed = layout.parse_staging(name)
            if parsed is not None:
                self._settle(f"staging/{name}", *parsed, done)

    def _settle(self, folder: str, key: str, attempt: int, done: Tidied) -> None:
        """Activates a committed attempt, discards one that can no longer commit, leaves the others alone.

        The claim must be seen absent before the record is: the other way round, a commit in between would look like
        no commit at all, and its children would be thrown away.
        """
        names = self._files.names(folder)
        if MANIFEST not in names:
            self._settle_unfinished(folder, names, key, attempt, done)
            return
        try:
            claim = str(orjson.loads(self._files.read(f"{folder}/{MANIFEST}"))["claim"])
        except FileNotFoundError:
            return
        claim_folder, _, claim_name = claim.rpartition("/")
        if claim_name in self._files.names(claim_folder):
            return
        complete = self._record(claim.split("/")[1], key, attempt)
        if complete is None:
            self._spool.discard_staging(folder)
            done.discarded.append(folder)
            return
        self._spool.activate(folder, complete)
        done.activated.append(complete)

    def _settle_unfinished(self, folder: str, names: list[str], key: str, attempt: int, done: Tidied) -> None:
        """Without MANIFEST: being written, being removed after activation, or left by the dead."""
        if "ORIGIN" not in names:
            if self._files.rmdir(folder):
                done.discarded.append(folder)
            return
        try:
            origin = orjson.loads(self._files.read(f"{folder}/ORIGIN"))
        except (FileNotFoundError, orjson.JSONDecodeError):
            return
        if origin["worker"] != self._spool.me.worker and self._observer.is_dead(origin["worker"]):
            self._spool.discard_staging(folder)
            done.discarded.append(folder)

    def _record(self, task_type: str, key: str, attempt: int) -> str | None:
        names = self._files.names(layout.complete_folder(task_type, key))
        for failed in (False, True):
            path = layout.complete_path(task_type, key, attempt, failed=failed)
            if path.rpartition("/")[2] in names:
                return path
        return None

    def _finish_roots(self, done: Tidied) -> None:
        """Root tasks whose publisher died between winning known/ and the rename; losers and leftovers go."""
        for name in sorted(self._files.names("tmp")):
            kind, _, rest = name.partition("~")
            if kind != "root":
                continue
            key, _, worker = rest.partition("~")
            if worker == self._spool.me.worker or not self._observer.is_dead(worker):
                continue
            self._finish_root(f"tmp/{name}", key, done)

    def _finish_root(self, scratch: str, key: str, done: Tidied) -> None:
        task_id = key[layout.TIME_LENGTH + 1 :]
        try:
            mine = self._files.read(scratch)
        except FileNotFoundError:
            return
        try:
            is_winner = self._files.read(known_path(task_id)) == mine
        except FileNotFoundError:
            is_winner = False
        if not is_winner:
            self._files.unlink(scratch)
            return
        task = tasks.from_bytes(mine)
        folder = layout.pending_folder(task.task_type, tasks.requirement(task), task.priority, key)
        target = f"{folder}/{layout.ready_name(key, task.attempt, task.failures)}"
        try:
            self._files.rename(scratch, target)
        except FileNotFoundError:
            return
        done.published.append(target)

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
            folder = layout.pending_folder(entry.task_type, entry.requirement, entry.priority, entry.key)
            target = f"{folder}/{layout.ready_name(entry.key, entry.attempt, entry.failures)}"
            try:
                self._files.rename(entry.path, target)
            except FileNotFoundError:
                continue
            done.woken.append(target)


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
