"""The queue: publish, claim, commit, activate, release, requeue. Every step is one rename.

Order of a task's life and why it cannot be lost or doubled:
* publish: written and synced in tmp/, then renamed into pending/: whole at once.
* claim: renamed, in its own folder, to a name that only this claimer has. Exactly one rename finds the source.
* commit: everything that the attempt publishes lies synced in staging/; then one rename *from the claim's name* into
  complete/. A zombie whose claim was taken over gets ENOENT and throws its staging away.
* activate: only after the commit the staged children are renamed into pending/, then the rows and the final record to
  their names in complete/. Each source is unique and consumed, so a janitor may finish it at any point, even twice.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from dashtools.errors import BadInput, ClaimLost, DashtoolsError, TaskSystemError, TryLater
from dashtools.model import ChildTask, Json, Task, with_changes
from dashtools.spool import layout, scan
from dashtools.spool import task as tasks
from dashtools.spool.atomic import Files
from dashtools.spool.layout import Entry
from dashtools.spool.workers import Identity
from dashtools.times import from_seconds, to_text, utc_now

MANIFEST = "MANIFEST"
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
            content = orjson.dumps({"layout": layout.LAYOUT_VERSION, "uuid": str(uuid.uuid4())})
            files.replace("VERSION", content, "tmp/VERSION~new")
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
            version = orjson.loads(files.read("VERSION"))
        except FileNotFoundError:
            files.close()
            raise TryLater(
                f"{root} has no VERSION: the share is not mounted, or this is no spool yet; "
                f"to make one here: dc-doctor --init --spool {root}"
            ) from None
        except orjson.JSONDecodeError as error:
            files.close()
            raise TaskSystemError(f"{root}/VERSION is damaged: {error}") from error
        if version.get("layout") != layout.LAYOUT_VERSION:
            files.close()
            raise TaskSystemError(
                f"{root} has layout {version.get('layout')}, this program knows {layout.LAYOUT_VERSION}"
            )
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
        """The task in a file; FileNotFoundError when it moved on meanwhile."""
        return tasks.from_bytes(self.files.read(entry.path))

    def now(self) -> datetime:
        """The file server's clock, so that hosts with wrong clocks agree about `not before`."""
        probe = f"tmp/clock~{self.me.worker}~{uuid.uuid4().hex[:8]}"
        self.files.write(probe, b"")
        try:
            return from_seconds(self.files.mtime_ns(probe) / 1e9)
        finally:
            self.files.unlink(probe)

    # -- publishing ----------------------------------------------------------------------------------------------

    def publish(self, task: Task) -> Path | None:
        """Publishes a root task once for ever; None when its id is known already.

        `known/<hh>/<id>` is a link to the finished file: whoever makes it wins. The winner's own file is then renamed
        into pending/; if it dies in between, a janitor finds the file in tmp/ and finishes (or drops a loser's).
        """
        created = utc_now()
        task = with_changes(
            task,
            state="pending",
            created_at=task.created_at or to_text(created),
            history=(*task.history, {"event": "published", "at": to_text(created), "by": self.me.worker}),
        )
        key = layout.make_key(created, task.task_id)
        target = self._ready_path(task, key)
        self.files.mkdirs(f"known/{known_bucket(task.task_id)}")
        if task.task_id in self.files.names(f"known/{known_bucket(task.task_id)}"):
            return None
        scratch = f"tmp/root~{key}~{self.me.worker}"
        self.files.write(scratch, tasks.to_bytes(task))
        if not self.files.link(scratch, known_path(task.task_id)):
            self.files.unlink(scratch)
            return None
        self.files.rename(scratch, target)
        self.files.sync_folder(target.rpartition("/")[0])
        return self.root / target

    def _ready_path(self, task: Task, key: str) -> str:
        folder = layout.pending_folder(task.task_type, tasks.requirement(task), task.priority, key)
        return f"{folder}/{layout.ready_name(key, task.attempt, task.failures)}"

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
        return None

    def claim_entry(self, entry: Entry) -> Claim | None:
        """This very task, if it is still ready."""
        attempt = entry.attempt + 1
        folder = entry.path.rpartition("/")[0]
        path = f"{folder}/{layout.claimed_name(entry.key, attempt, entry.failures, self.me.worker)}"
        try:
            self.files.rename(entry.path, path)
        except FileNotFoundError:
            return None
        owned = replace(entry, path=path, attempt=attempt, state="claimed", worker=self.me.worker)
        return self._opened(owned)

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
        """Completes a claim and publishes its children and rows; ClaimLost when another took it over."""
        key, attempt = claim.entry.key, claim.entry.attempt
        folder = layout.staging_folder(key, attempt)
        target = layout.complete_path(claim.entry.task_type, key, attempt, failed=final.error is not None)
        self._stage(folder, claim, final, children, rows)
        try:
            self.files.rename(claim.path, target)
        except FileNotFoundError:
            self.discard_staging(folder)
            raise ClaimLost(f"{claim.path} was taken over; this attempt's work is dropped") from None
        try:
            self.files.sync_folder(target.rpartition("/")[0])
            self.activate(folder, target)
        except (DashtoolsError, OSError):
            return self.root / target  # the commit stands; a janitor finishes when the share is well again
        return self.root / target

    def _stage(self, folder: str, claim: Claim, final: Task, children: Sequence[ChildTask], rows: bytes) -> None:
        self.discard_staging(folder)
        self.files.mkdirs(folder)
        origin = {"claim": claim.path, "worker": self.me.worker}
        self.files.write(f"{folder}/ORIGIN", orjson.dumps(origin))
        names = ["final.json"]
        for index, wish in enumerate(children):
            child = tasks.child_task(claim.task, wish, index)
            names.append(f"child-{index:04d}.json")
            self.files.write(f"{folder}/{names[-1]}", tasks.to_bytes(child))
        if rows:
            names.append("rows.jsonl")
            self.files.write(f"{folder}/rows.jsonl", rows)
        self.files.write(f"{folder}/final.json", tasks.to_bytes(final))
        self.files.write(f"{folder}/{MANIFEST}", orjson.dumps({"files": names, **origin}))
        self.files.sync_folder(folder)

    def activate(self, folder: str, complete: str) -> None:
        """Brings a committed attempt's children, rows and record to their places; may be repeated by anyone."""
        key, attempt = layout.parse_staging(folder.rpartition("/")[2]) or ("", 0)
        leaf = complete.rpartition("/")[0]
        touched = {leaf}
        for name in sorted(self.files.names(folder)):
            if name.startswith("child-"):
                touched.add(self._activate_child(f"{folder}/{name}", key))
        names = self.files.names(folder)
        if "rows.jsonl" in names:
            self._move(f"{folder}/rows.jsonl", f"{leaf}/{key}.a{attempt:02d}.rows.jsonl")
        if attempt > 1:
            self._drop_older_rows(leaf, key, attempt)
        for place in sorted(touched):
            self.files.sync_folder(place)
        if "final.json" in names:
            self._move(f"{folder}/final.json", complete)
            self.files.sync_folder(leaf)
        self.discard_staging(folder)

    def _activate_child(self, staged: str, parent_key: str) -> str:
        try:
            child = tasks.from_bytes(self.files.read(staged))
        except FileNotFoundError:
            return ""
        target = self._ready_path(child, layout.child_key(parent_key, child.task_id))
        self._move(staged, target)
        return target.rpartition("/")[0]

    def _move(self, source: str, target: str) -> None:
        try:
            self.files.rename(source, target)
        except FileNotFoundError:
            return  # another janitor was faster

    def _drop_older_rows(self, leaf: str, key: str, attempt: int) -> None:
        mine = f"{key}.a{attempt:02d}.rows.jsonl"
        for name in self.files.names(leaf):
            if name.startswith(f"{key}.a") and name.endswith(".rows.jsonl") and name != mine:
                self.files.unlink(f"{leaf}/{name}")

    def discard_staging(self, folder: str) -> None:
        """Removes a staging folder; MANIFEST first, so that no half of it looks whole."""
        names = self.files.names(folder)
        for name in sorted(names, key=lambda n: (n != MANIFEST, n == "ORIGIN", n)):
            self.files.unlink(f"{folder}/{name}")
        self.files.rmdir(folder)

    def release(self, claim: Claim, *, reason: Json, failures: int = 0, delay_s: float = 0.0) -> Path:
        """Gives a claim back: `failures` more against its maximum, ready after `delay_s` of server time."""
        entry = claim.entry
        self.note_attempt(entry, {**reason, "worker": self.me.worker})
        count = entry.failures + failures
        if delay_s > 0:
            target = layout.delayed_path(entry, self.now() + timedelta(seconds=delay_s), count)
        else:
            folder = claim.path.rpartition("/")[0]
            target = f"{folder}/{layout.ready_name(entry.key, entry.attempt, count)}"
        try:
            self.files.rename(claim.path, target)
        except FileNotFoundError:
            raise ClaimLost(f"{claim.path} was taken over") from None
        return self.root / target

    def note_attempt(self, entry: Entry, reason: Json) -> None:
        """Writes why an attempt ended without a commit, once."""
        path = f"attempts/{entry.key}.a{entry.attempt:02d}.json"
        content = orjson.dumps({"at": to_text(utc_now()), **reason}, option=orjson.OPT_INDENT_2)
        try:
            self.files.write(path, content)
        except FileExistsError:
            return

    def attempts(self, entry: Entry) -> list[Json]:
        """Why earlier attempts of a task ended, oldest first."""
        found = []
        for number in range(1, entry.attempt + 1):
            try:
                content = self.files.read(f"attempts/{entry.key}.a{number:02d}.json")
            except FileNotFoundError:
                continue
            found.append({"attempt": number, **orjson.loads(content)})
        return found

    # -- bringing back -------------------------------------------------------------------------------------------

    def requeue(self, entry: Entry, *, priority: int | None = None) -> Path | None:
        """A completed task back in pending/ as a new attempt, its history kept; None when it moved meanwhile.

        The record is first claimed like any task (a name of ours), rewritten, then released: dead in between, the
        takeover of orphans finishes it, for a worker understands a record that still carries its completion.
        """
        staged = layout.staging_folder(entry.key, entry.attempt)
        if staged.partition("/")[2] in self.files.names("staging"):
            self.activate(staged, entry.path)
        try:
            done = self.load(entry)
        except (FileNotFoundError, BadInput):
            done = None
        task = None if done is None else tasks.reopened(done)
        level = task.priority if priority is None and task is not None else priority if priority is not None else 5
        requirement = "any" if task is None else tasks.requirement(task)
        folder = layout.pending_folder(entry.task_type, requirement, level, entry.key)
        mine = f"{folder}/{layout.claimed_name(entry.key, entry.attempt, 0, self.me.worker)}"
        try:
            self.files.rename(entry.path, mine)
        except FileNotFoundError:
            return None
        if task is not None:
            task = with_changes(task, priority=level, failures=0)
            self.files.replace(mine, tasks.to_bytes(task), f"tmp/requeue~{entry.key}~{self.me.worker}")
        self.files.unlink(layout.rows_path(entry.task_type, entry.key, entry.attempt))
        target = f"{folder}/{layout.ready_name(entry.key, entry.attempt, 0)}"
        self.files.rename(mine, target)
        self.files.sync_folder(folder)
        return self.root / target

    def reprioritize(self, entry: Entry, priority: int) -> Path | None:
        """A ready task moved to another priority folder; None when it moved meanwhile."""
        folder = layout.pending_folder(entry.task_type, entry.requirement, priority, entry.key)
        target = f"{folder}/{layout.ready_name(entry.key, entry.attempt, entry.failures)}"
        try:
            self.files.rename(entry.path, target)
        except FileNotFoundError:
            return None
        return self.root / target


def known_bucket(task_id: str) -> str:
    """The two characters that spread the ledger of root tasks."""
    return f"{task_id[:2]:_<2}"


def known_path(task_id: str) -> str:
    """The ledger entry of a root task."""
    return f"known/{known_bucket(task_id)}/{task_id}"


def backoff_s(base_s: float, failures: int, key: str) -> float:
    """Seconds before the next try: doubled per failure, at most an hour, spread by a hash of the key.

    >>> 150 <= backoff_s(300, 1, "k") <= 300
    True
    """
    spread = 0.5 + random.Random(f"{key}.{failures}").random() / 2
    return float(min(BACKOFF_CAP_S, base_s * 2 ** max(0, failures - 1)) * spread)
