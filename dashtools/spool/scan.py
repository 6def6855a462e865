"""What lies in the spool, by listing names only: nothing is opened to find work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from dashtools.spool import layout
from dashtools.spool.atomic import Files
from dashtools.spool.layout import Entry

LISTING_LIFE_S = 5.0  # a bucket's cached listing; a stale name only costs one failed rename


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
    """The hour folders of complete/, oldest first within a type."""
    for kind in sorted(files.names("complete")):
        if task_type is not None and kind != task_type:
            continue
        tops = [f"complete/{kind}"]
        for _ in range(4):  # year, month, day, hour
            tops = [f"{top}/{name}" for top in tops for name in sorted(files.names(top))]
        yield from tops


def completed(files: Files, task_type: str | None = None) -> Iterator[Entry]:
    """Every final record, with or without the error flag, oldest first within a type."""
    for leaf in leaves(files, task_type):
        yield from _entries(files, leaf)


def everything(files: Files, task_type: str | None = None) -> Iterator[Entry]:
    """Every task of the spool."""
    yield from pending(files, task_type)
    yield from completed(files, task_type)


def _entries(files: Files, folder: str) -> Iterator[Entry]:
    for name in sorted(files.names(folder)):
        entry = layout.parse(f"{folder}/{name}")
        if entry is not None:
            yield entry


class Scanner:
    """The next ready tasks for one worker, best first, at a cost that does not grow with the queue.

    Each look lists the priority folders anew, so that an urgent task is seen at once; within a priority only the
    oldest minute is listed, and that listing serves until it is used up or 5 s old.
    """

    def __init__(
        self,
        files: Files,
        task_types: Sequence[str],
        capabilities: Mapping[str, Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files, self._types, self._capabilities, self._clock = files, task_types, capabilities, clock
        self._bucket = ""
        self._names: list[Entry] = []
        self._listed_at = 0.0

    def next(self) -> Entry | None:
        """A ready task to try; None when there is none. A task that was claimed by another comes no second time."""
        for bucket in self._buckets():
            if bucket != self._bucket or self._clock() - self._listed_at > LISTING_LIFE_S or not self._names:
                self._fill(bucket)
            if self._names:
                return self._names.pop()
        return None

    def forget(self) -> None:
        """Drops the cached listing."""
        self._bucket, self._names = "", []

    def _fill(self, bucket: str) -> None:
        entries = [entry for entry in _entries(self._files, bucket) if entry.state == "ready"]
        self._bucket, self._names, self._listed_at = bucket, entries[::-1], self._clock()
        if not entries:
            self._files.rmdir(bucket)  # fails while anything, a claim for instance, is in it

    def _buckets(self) -> Iterator[str]:
        """Minute folders by priority, then the worker's order of types, then age."""
        tops: list[tuple[int, int, str]] = []
        for order, task_type in enumerate(self._types):
            for requirement in self._files.names(f"pending/{task_type}"):
                if not layout.is_served(requirement, self._capabilities):
                    continue
                base = f"pending/{task_type}/{requirement}"
                tops += [(int(p), order, f"{base}/{p}") for p in self._files.names(base) if p.isdigit()]
        same: dict[tuple[int, int], list[str]] = {}
        for priority, order, top in tops:
            same.setdefault((priority, order), []).append(top)
        for level in sorted(same):
            minutes = [(minute, top) for top in same[level] for minute in self._files.names(top)]
            for minute, top in sorted(minutes):
                yield f"{top}/{minute}"
