"""What lies in the spool, by listing names only: nothing is opened to find work."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from dashtools.spool import layout, packs
from dashtools.spool import leaf as contents
from dashtools.spool.atomic import Files
from dashtools.spool.layout import Entry

SPREAD = 16  # workers that met at one task part again
LISTING_LIFE_S = 5.0  # a bucket's cached listing; a stale name only costs one failed rename
PASSED_LIFE_S = 0.1  # how long an urgent task may wait for tiny ones; to list at each is an eighth of what they cost


def pending(files: Files, task_type: str | None = None) -> Iterator[Entry]:
    """Every task in pending/: ready, claimed and delayed, in no order."""
    for kind in sorted(files.names("pending")):
        if task_type is not None and kind != task_type:
            continue
        for requirement in sorted(files.names(f"pending/{kind}")):
            base = f"pending/{kind}/{requirement}"
            for level in sorted(files.names(base)):
                folders = [""] if level == "delayed" else [f"/{m}" for m in sorted(files.names(f"{base}/{level}"))]
                for folder in folders:
                    yield from _entries(files, f"{base}/{level}{folder}")


def leaves(files: Files, task_type: str | None = None) -> Iterator[str]:
    """The leaves of complete/, oldest first within a type."""
    for kind in sorted(files.names("complete")):
        if task_type is not None and kind != task_type:
            continue
        tops = [f"complete/{kind}"]
        for _ in range(4):  # year, month, day, leaf
            tops = [f"{top}/{name}" for top in tops for name in sorted(files.names(top))]
        yield from tops


def completed(files: Files, task_type: str | None = None) -> Iterator[Entry]:
    """Every final record, with or without the error flag, oldest first within a type."""
    for leaf in leaves(files, task_type):
        yield from records(files, leaf)


def records(files: Files, leaf: str) -> Iterator[Entry]:
    """The final records of a leaf, loose or packed, by name."""
    names = files.names(leaf)
    if any(packs.is_pack(name) or name.endswith(contents.MARK) for name in names):
        seen = contents.look(files, leaf, names)
        names = seen.names(contents.in_flight(files, seen))
    yield from _parsed(leaf, names)


def leaves_of(files: Files, task_type: str, key: str) -> list[str]:
    """The leaves that may hold a key's records: those whose name is the beginning of its time of day."""
    day = layout.complete_day(task_type, key)
    return [f"{day}/{name}" for name in sorted(files.names(day)) if key.startswith(name, 9)]


def records_of(files: Files, key: str) -> Iterator[Entry]:
    """The final records of a key, of whatever type."""
    for task_type in sorted(files.names("complete")):
        for leaf in leaves_of(files, task_type, key):
            yield from (entry for entry in records(files, leaf) if entry.key == key)


def everything(files: Files, task_type: str | None = None) -> Iterator[Entry]:
    """Every task of the spool."""
    yield from pending(files, task_type)
    yield from completed(files, task_type)


def _entries(files: Files, folder: str) -> Iterator[Entry]:
    return _parsed(folder, files.names(folder))


def _parsed(folder: str, names: Iterable[str]) -> Iterator[Entry]:
    for name in sorted(names):
        entry = layout.parse(f"{folder}/{name}")
        if entry is not None:
            yield entry


class Scanner:
    """The next ready tasks for one worker, best first, at a cost that does not grow with the queue.

    Keep it from claim to claim. The priority folders are listed anew after a tenth of a second, so that an urgent task
    is seen; the minutes of a priority and the names of its oldest minute are listed once and serve until used up or 5 s
    old.
    """

    def __init__(
        self,
        files: Files,
        task_types: Sequence[str],
        capabilities: Mapping[str, Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files, self._types, self._capabilities, self._clock = files, task_types, capabilities, clock
        self._tops: list[tuple[int, str]] = []
        self._buckets: list[str] = []
        self._names: list[str] = []
        self._bucket, self._level = "", (10, 0)
        self._looked_at: set[str] = set()
        self._spread = 1
        self._listed_at = self._passed_at = -math.inf

    def next(self) -> Entry | None:
        """A ready task to try; None when there is none. A task that was claimed by another comes no second time."""
        is_fresh = self._clock() - self._listed_at > LISTING_LIFE_S or self._is_passed()
        if is_fresh:
            self._look()
        entry = self._pop()
        if entry is None and not is_fresh:
            self._look()
            entry = self._pop()
        return entry

    def forget(self) -> None:
        """Drops the cached listings."""
        self._listed_at = -math.inf

    def collided(self) -> None:
        """Another worker took the task first: from now on, until the next look, the choice is among the oldest few."""
        self._spread = SPREAD

    def _pop(self) -> Entry | None:
        while True:
            while self._names:
                near = min(self._spread, len(self._names))
                name = self._names.pop(-1 - random.randrange(near) if near > 1 else -1)
                entry = layout.parse(f"{self._bucket}/{name}") if name.endswith(".json") else None
                if entry is not None:
                    return entry
            if not self._buckets:
                return None
            self._fill(self._buckets.pop())

    def _fill(self, bucket: str) -> None:
        names = self._files.names(bucket)
        self._bucket, self._names = bucket, sorted(names, reverse=True)
        if not names:
            self._files.rmdir(bucket)  # a publisher who comes now makes it again

    def _look(self) -> None:
        """Lists what may be claimed: the minutes of the best priority that has any, oldest first."""
        self._listed_at = self._passed_at = self._clock()
        self._spread = 1
        self._names, self._buckets, self._level, self._looked_at = [], [], (10, 0), set()
        self._tops = list(self._served())
        levels: dict[tuple[int, int], list[str]] = {}
        for order, base in self._tops:
            for priority in self._files.names(base):
                if priority.isdigit():
                    levels.setdefault((int(priority), order), []).append(f"{base}/{priority}")
        for level in sorted(levels):
            minutes = [(minute, top) for top in levels[level] for minute in self._files.names(top)]
            self._buckets = [f"{top}/{minute}" for minute, top in sorted(minutes, reverse=True)]
            self._level = level
            self._looked_at.update(self._buckets)
            while self._buckets and not self._names:
                self._fill(self._buckets.pop())
                self._names = [name for name in self._names if name.endswith(".json")]
            if self._names:
                return

    def _served(self) -> Iterator[tuple[int, str]]:
        """The requirement folders that this device may serve, with the place of their type in its order."""
        for order, task_type in enumerate(self._types):
            for requirement in self._files.names(f"pending/{task_type}"):
                if layout.is_served(requirement, self._capabilities):
                    yield order, f"pending/{task_type}/{requirement}"

    def _is_passed(self) -> bool:
        """Is there a new minute in a folder of a better priority than the one at hand?"""
        if self._clock() - self._passed_at < PASSED_LIFE_S:
            return False
        self._passed_at = self._clock()
        for order, base in self._tops:
            for priority in self._files.names(base):
                if not priority.isdigit() or (int(priority), order) >= self._level:
                    continue
                folder = f"{base}/{priority}"
                if any(f"{folder}/{minute}" not in self._looked_at for minute in self._files.names(folder)):
                    return True
        return False
