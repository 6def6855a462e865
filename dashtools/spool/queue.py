"""The queue: publish, claim, commit, activate, release, requeue. Every step hangs on one rename or one link.

Order of a task's life and why it cannot be lost or doubled:
* publish: written and synced in tmp/, then renamed into pending/: whole at once.
* claim: renamed, in its own folder, to a name that only this claimer has. Exactly one rename finds the source.
* commit: everything that the attempt publishes lies synced in staging/; then one rename *from the claim's name* into
  complete/. A zombie whose claim was taken over gets ENOENT and throws its staging away.
* activate: only after the commit the staged children are renamed into pending/, then the rows and the final record to
  their names in complete/. Each source is unique and consumed, so a janitor may finish it at any point, even twice.
"""

from __future__ import annotations

import contextlib
import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from dashtools.errors import BadInput, ClaimLost, DashtoolsError, OutputRefused, TaskSystemError, TryLater
from dashtools.model import ChildTask, Json, Task, with_changes
from dashtools.spool import layout, scan
from dashtools.spool import task as tasks
from dashtools.spool.atomic import Files
from dashtools.spool.buckets import Buckets
from dashtools.spool.layout import Entry
from dashtools.spool.leaf import BACK, MARK, Shelf
from dashtools.spool.ledger import ROOT, Ledger, known_path
from dashtools.spool.staging import Staging
from dashtools.spool.workers import Identity
from dashtools.times import from_seconds, to_text, utc_now

BACKOFF_CAP_S = 3600.0


@dataclass(frozen=True)
class Claim:
    """A task that this worker owns while the file `path` exists."""

    path: str
    entry: Entry
    task: Task
    problem: str | None = None
    """Why the file is no valid task, if it is not; `task` is then a stand-in for the record."""


class Spool:
    """One spool, open; `me` is the process that acts."""

    def __init__(self, root: Path, files: Files, uuid_text: str, me: Identity) -> None:
        self.root, self.files, self.uuid, self.me = root, files, uuid_text, me
        self.buckets = Buckets(files)
        self._ledger, self._staging, self._shelf = Ledger(files, me.worker), Staging(files, self.buckets), Shelf(files)
        self.unsure: Entry | None = None
        """A claim whose outcome an error of the share hid."""

    @staticmethod
    def create(root: Path) -> None:
        """Makes an empty spool; refuses a folder that already holds something else."""
        root.mkdir(parents=True, exist_ok=True)
        files = Files(root)
        try:
            names = files.names(".")
            if "VERSION" in names:
                return
            strangers = sorted(set(names) - set(layout.TOP_FOLDERS) - {"README.md", ".gitignore"})
            if strangers:
                raise TaskSystemError(f"{root} holds {strangers[0]!r}; a spool needs a folder of its own")
            for folder in layout.TOP_FOLDERS:
                files.mkdirs(folder)
            made = str(uuid.uuid4())
            content = orjson.dumps({"layout": layout.LAYOUT_VERSION, "uuid": made})
            files.write(f"tmp/VERSION~{made}", content)
            files.link(f"tmp/VERSION~{made}", "VERSION")  # two who do this at once make one spool
            files.unlink(f"tmp/VERSION~{made}")
            files.sync_folder(".")
        finally:
            files.close()

    @staticmethod
    def open(root: Path, *, host_id: str | None = None) -> Spool:
        """An existing spool; TryLater without VERSION, for an unmounted share is an empty folder."""
        if not root.is_dir():
            raise TryLater(
                f"{root} is not there; mount the share, or make a spool with: dc-doctor --init --spool {root}"
            )
        files = Files(root)
        try:
            content = files.linked("VERSION")
            if content is None:
                raise FileNotFoundError
            version = orjson.loads(content)
        except FileNotFoundError:
            files.close()
            raise TryLater(
                f"{root} has no VERSION: the share is not mounted, or this is no spool yet; "
                f"to make one here: dc-doctor --init --spool {root}"
            ) from None
        except orjson.JSONDecodeError as error:
            files.close()
            raise TaskSystemError(f"{root}/VERSION is damaged: {error}") from error
        if version.get("layout") not in layout.READABLE_LAYOUTS:
            files.close()
            known = " and ".join(map(str, layout.READABLE_LAYOUTS))
            raise TaskSystemError(f"{root} has layout {version.get('layout')}, this program knows {known}; update it")
        return Spool(root, files, version["uuid"], Identity.mine(host_id))

    # -- looking -------------------------------------------------------------------------------------------------

    def pending(self, task_type: str | None = None) -> Iterator[Entry]:
        """Tasks that wait or are claimed."""
        return scan.pending(self.files, task_type)

    def completed(self, task_type: str | None = None) -> Iterator[Entry]:
        """Final records."""
        return scan.completed(self.files, task_type)

    def is_idle(self) -> bool:
        """Is there nothing to do: no task pending, no publish or activation half done?"""
        half_done = any(name.startswith("root~") for name in self.files.names("tmp"))
        return not half_done and not self.files.names("staging") and next(self.pending(), None) is None

    def find(self, task_id: str) -> Entry | None:
        """Where a task is now."""
        for entry in scan.everything(self.files):
            if entry.task_id == task_id:
                return entry
        return None

    def load(self, entry: Entry) -> Task:
        """The task in a file or a pack; FileNotFoundError when it moved on meanwhile."""
        try:
            task = tasks.from_bytes(self.files.read(entry.path))
        except FileNotFoundError:
            packed = None if entry.is_pending else self._shelf.find(entry.path)
            if packed is None:
                raise
            task = packed.task
        return tasks.reopened(task) if entry.is_pending else task

    def rows(self, entry: Entry) -> bytes | None:
        """The index rows of a final record, from their file or a pack; None when it has none."""
        try:
            return self.files.read(layout.rows_beside(entry.path))
        except FileNotFoundError:
            packed = self._shelf.find(entry.path)
            return None if packed is None else packed.rows_bytes()

    def has(self, entry: Entry) -> bool:
        """Is this task still where the entry says, as a file or in a pack?"""
        folder, _, name = entry.path.rpartition("/")
        if entry.is_pending:
            return name in self.files.names(folder)
        return any(found.path == entry.path for found in scan.records(self.files, folder))

    def now(self) -> datetime:
        """The file server's clock, so that hosts with wrong clocks agree about `not before`."""
        return from_seconds(self.files.now_ns(f"tmp/clock~{self.me.worker}~{uuid.uuid4().hex[:8]}") / 1e9)

    # -- publishing ----------------------------------------------------------------------------------------------

    def publish(self, task: Task) -> Path | None:
        """Publishes a root task once for ever; None when its id is known already."""
        created = utc_now()
        marker = known_path(task.task_id)
        task = with_changes(
            task,
            state="pending",
            created_at=task.created_at or to_text(created),
            history=(*task.history, {"event": "published", "at": to_text(created), "by": self.me.worker}),
        )
        key = layout.make_key(created, task.task_id)
        target = self._ledger.publish(ROOT, tasks.to_bytes(task), key, marker, self.buckets.ready_path(task, key))
        return None if target is None else self.root / target

    # -- claiming ------------------------------------------------------------------------------------------------

    def scanner(self, task_types: Sequence[str], capabilities: Mapping[str, Any]) -> scan.Scanner:
        """What a worker of these types and capabilities may try next."""
        return scan.Scanner(self.files, task_types, capabilities)

    def claim(self, scanner: scan.Scanner) -> Claim | None:
        """The next task, now owned by this process; None when nothing is ready."""
        while (entry := scanner.next()) is not None:
            claim = self.claim_entry(entry)
            if claim is not None:
                return claim
            scanner.collided()
        return None

    def claim_entry(self, entry: Entry) -> Claim | None:
        """This very task, if it is still ready."""
        attempt = entry.attempt + 1
        folder = entry.path.rpartition("/")[0]
        path = f"{folder}/{layout.claimed_name(entry.key, attempt, entry.failures, self.me.worker)}"
        owned = Entry(
            path,
            entry.task_type,
            entry.key,
            attempt,
            "claimed",
            entry.failures,
            entry.requirement,
            entry.priority,
            self.me.worker,
        )
        self.unsure = owned
        try:
            self.files.rename(entry.path, path)
            claim = self._opened(owned)
        except FileNotFoundError:
            claim = None  # another was faster, or took it for the claim of a dead worker
        self.unsure = None
        return claim

    def give_back_unsure(self) -> None:
        """Gives back a task that a failed claim may have got: its reply was lost, or it could not be read."""
        if self.unsure is None:
            return
        entry = self.unsure
        folder = entry.path.rpartition("/")[0]
        with contextlib.suppress(FileNotFoundError):  # it never was ours
            self.files.rename(entry.path, f"{folder}/{layout.ready_name(entry.key, entry.attempt, entry.failures)}")
        self.unsure = None

    def _opened(self, owned: Entry) -> Claim:
        problem = None
        try:
            task = tasks.reopened(tasks.from_bytes(self.files.read(owned.path)))
            if task.task_id != owned.task_id or task.task_type != owned.task_type:
                raise BadInput(
                    f"the file is named {owned.task_type} {owned.task_id} but says {task.task_type} {task.task_id}"
                )
        except BadInput as error:
            problem = str(error)
            task = Task(task_id=owned.task_id, task_type=owned.task_type, video_id="")
        task = with_changes(task, attempt=owned.attempt, failures=owned.failures, priority=owned.priority)
        return Claim(owned.path, owned, task, problem)

    # -- ending a claim ------------------------------------------------------------------------------------------

    def commit(
        self,
        claim: Claim,
        final: Task,
        *,
        children: Sequence[ChildTask] = (),
        rows: bytes = b"",
    ) -> Path:
        """Completes a claim and publishes its children and rows; ClaimLost when another took it over.

        After any other error it is not known whether the commit stands: only a `release` that succeeds says no.
        """
        key, attempt = claim.entry.key, claim.entry.attempt
        folder = layout.staging_folder(key, attempt)
        target = self.buckets.complete_path(claim.entry.task_type, key, attempt, failed=final.error is not None)
        made = [tasks.child_task(claim.task, wish, index) for index, wish in enumerate(children)]
        try:
            names = self._staging.fill(folder, final, made, rows)
        except (DashtoolsError, OSError):
            self._discard_quietly(folder)
            raise
        try:
            self.files.rename(claim.path, target)
        except FileNotFoundError:  # what was staged is left to the janitors, who look for the task elsewhere first
            raise ClaimLost(f"{claim.path} was taken over; this attempt's work is dropped") from None
        try:
            self.activate(folder, target, names)
        except (DashtoolsError, OSError):
            return self.root / target  # the commit stands; a janitor finishes when the share is well again
        return self.root / target

    def _discard_quietly(self, folder: str) -> None:
        with contextlib.suppress(DashtoolsError, OSError):  # else a janitor does it
            self._staging.discard(folder)

    def activate(self, folder: str, complete: str, names: list[str] | None = None) -> None:
        """Brings a committed attempt's children, rows and record to their places; may be repeated by anyone."""
        self._staging.activate(folder, complete, names)

    def discard_staging(self, folder: str) -> None:
        """Removes what an attempt staged that can no longer be committed."""
        self._staging.discard(folder)

    def release(self, claim: Claim, *, reason: Json, failures: int = 0, delay_s: float = 0.0) -> Path:
        """Gives a claim back: `failures` more against its maximum, ready after `delay_s` of server time.

        A full disk does not hinder it: the reason is then not kept, and the delay may be dropped.
        """
        entry = claim.entry
        count = entry.failures + failures
        with contextlib.suppress(OutputRefused):
            self.note_attempt(entry, {**reason, "worker": self.me.worker})
        folder = claim.path.rpartition("/")[0]
        target = f"{folder}/{layout.ready_name(entry.key, entry.attempt, count)}"
        try:
            if delay_s > 0:
                target = self._delay(claim, delay_s, count) or target
            if "/delayed/" not in target:
                self.files.rename(claim.path, target)
        except FileNotFoundError:
            raise ClaimLost(f"{claim.path} was taken over") from None
        return self.root / target

    def _delay(self, claim: Claim, delay_s: float, count: int) -> str | None:
        try:
            now = self.now()
        except OutputRefused:
            now = utc_now()
        target = layout.delayed_path(claim.entry, now + timedelta(seconds=delay_s), count)
        try:
            self.files.rename(claim.path, target)
        except OutputRefused:
            return None  # no room for the folder of the delayed
        return target

    def note_attempt(self, entry: Entry, reason: Json) -> None:
        """Writes why an attempt ended without a commit, once."""
        path = f"attempts/{entry.key}.a{entry.attempt:02d}.json"
        content = orjson.dumps({"at": to_text(utc_now()), **reason}, option=orjson.OPT_INDENT_2)
        with contextlib.suppress(FileExistsError):
            self.files.write(path, content)

    def attempts(self, entry: Entry) -> list[Json]:
        """Why earlier attempts of a task ended, oldest first."""
        found = []
        for number in range(1, entry.attempt + 1):
            try:
                content = orjson.loads(self.files.read(f"attempts/{entry.key}.a{number:02d}.json"))
            except FileNotFoundError:
                continue
            except orjson.JSONDecodeError:
                content = {"event": "unknown", "message": "its note was cut short by a crash"}
            found.append({"attempt": number, **content})
        return found

    # -- bringing back -------------------------------------------------------------------------------------------

    def requeue(self, entry: Entry, *, priority: int | None = None) -> Path | None:
        """A completed task back in pending/ as a new attempt, its history kept; None when it moved meanwhile.

        Its record may be in a pack, or be packed this very moment by someone who sleeps. So nothing is moved: the task
        that takes its place is written aside, a mark beside the record says that it does not count any more, and
        whoever made the mark brings the task to pending/. The record's file goes last, and may stay.
        """
        try:
            task = self.load(entry)
            if task.state != "complete":  # the record itself comes last, so its children may not be there yet
                self.activate(layout.staging_folder(entry.key, entry.attempt), entry.path)
                task = self.load(entry)
        except FileNotFoundError:
            return None
        if task.state != "complete":
            raise TryLater(f"{self.root / entry.path} is being completed; try again when a janitor has finished it")
        folder, _, leaf = entry.path.rpartition("/")[0].rpartition("/")
        stem = f"{entry.key}.a{entry.attempt:02d}"
        again = tasks.brought_back(task, entry.attempt, priority, by=self.me.worker)
        target = self.buckets.ready_path(again, entry.key)
        mark = f"{folder}/{leaf}/{stem}{MARK}"
        made = self._ledger.publish(BACK, tasks.to_bytes(again), f"{stem}={leaf}", mark, target)
        if made is None:
            return None
        self.files.unlink(entry.path)
        self.files.unlink(layout.rows_beside(entry.path))
        return self.root / made

    def reprioritize(self, entry: Entry, priority: int) -> Path | None:
        """A ready task moved to another priority folder; None when it moved meanwhile."""
        folder = self.buckets.pending_folder(entry.task_type, entry.requirement, priority, entry.key)
        target = f"{folder}/{layout.ready_name(entry.key, entry.attempt, entry.failures)}"
        try:
            self.files.rename(entry.path, target)
        except FileNotFoundError:
            return None
        return self.root / target


def backoff_s(base_s: float, failures: int, key: str) -> float:
    """Seconds before the next try: doubled per failure, at most an hour, spread by a hash of the key.

    >>> 150 <= backoff_s(300, 1, "k") <= 300
    True
    """
    spread = 0.5 + random.Random(f"{key}.{failures}").random() / 2
    return float(min(BACKOFF_CAP_S, base_s * 2 ** max(0, failures - 1)) * spread)
