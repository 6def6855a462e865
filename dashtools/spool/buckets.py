"""Which folder a new file goes to: that of its minute or hour, or a finer one where that is full.

A folder is named by the beginning of the keys in it, so that a longer beginning names one beside it that sorts behind
it: 20240115T1425, then 20240115T14250 … 20240115T142509, and in the end, where all were made in one microsecond, by
the first letters of their ids. Nobody has to agree on this: wherever a file is brought, it is found by listing.

To know whether a folder is full costs nothing until a process has brought it LOOK_AFTER files; then it is listed, once
for each further LOOK_AFTER. So a folder holds at most MOST_NAMES, and LOOK_AFTER more for each process that fills it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from dashtools.model import Task
from dashtools.spool import layout
from dashtools.spool import task as tasks
from dashtools.spool.atomic import Files

MOST_NAMES = 10_000  # a listing of so many takes 5 ms on a local disk, a second on a slow NAS
LOOK_AFTER = 256
REMEMBERED = 4096


class Buckets:
    """One process's choice of folders."""

    def __init__(self, files: Files, *, most: int = MOST_NAMES, look_after: int = LOOK_AFTER) -> None:
        self._files, self._most, self._look_after = files, most, look_after
        self._brought: Counter[str] = Counter()
        self._full: set[str] = set()

    def ready_path(self, task: Task, key: str) -> str:
        """Where a task waits; BadInput when its priority or capabilities give no place."""
        folder = self.pending_folder(task.task_type, tasks.requirement(task), task.priority, key)
        return f"{folder}/{layout.ready_name(key, task.attempt, task.failures)}"

    def pending_folder(self, task_type: str, requirement: str, priority: int, key: str) -> str:
        """The folder of a ready task."""
        at = partial(layout.pending_folder, task_type, requirement, priority, key)
        return self._choose(at, layout.MINUTE_LENGTH, len(key))

    def complete_path(self, task_type: str, key: str, attempt: int, *, failed: bool) -> str:
        """Where a record goes."""
        folder = self._choose(partial(layout.complete_folder, task_type, key), layout.HOUR_LENGTH, len(key) - 9)
        return f"{folder}/{layout.final_name(key, attempt, failed=failed)}"

    def _choose(self, folder_at: Callable[[int], str], least: int, most: int) -> str:
        length = least
        while length < most and folder_at(length) in self._full:
            length += 1
        folder = folder_at(length)
        self._brought[folder] += 1
        if self._brought[folder] % self._look_after == 0 and len(self._files.names(folder)) >= self._most:
            self._full.add(folder)
        if len(self._brought) > REMEMBERED:  # all are learnt anew
            self._brought.clear()
            self._full.clear()
        return folder
