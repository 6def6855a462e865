"""Videos already done, seen again with other settings; nothing of the spool or the storages is written."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from dashtools.model import Json, Task
from dashtools.ports import StageContext
from dashtools.stages.align import edits

if TYPE_CHECKING:
    from dashtools.devices.tools import Tools
    from dashtools.spool.queue import Spool

TASK_TYPE = "HEAVY_PROCESS_VIDEO"
FILTERING = ("sample_fps", "motion_threshold", "proposal_min_score", "audit_share", "proposer", "detector")
"""Settings that PREPROCESS obeys: where one differs from the record's, frames are chosen anew."""
_MISREAD_EDITS = 2
_APART_MS = 1500


@dataclass(frozen=True)
class Seen:
    """A plate of a clip and when it was in the picture."""

    plate: str
    first_ms: int
    last_ms: int
    confidence: float

    @staticmethod
    def of_row(row: Mapping[str, Any]) -> Seen:
        return Seen(row["plate"], row["first_pts_ms"], row["last_pts_ms"], row["confidence"])


@dataclass(frozen=True)
class Difference:
    """`how` is gained, lost, changed or same."""

    how: str
    before: Seen | None
    after: Seen | None


def compared(before: Sequence[Seen], after: Sequence[Seen]) -> list[Difference]:
    """Every plate of two results once: the same text first, then what reads alike at the same time, then the rest.

    >>> a, b = Seen("AB12CD", 0, 900, 0.8), Seen("A812CD", 100, 900, 0.9)
    >>> [d.how for d in compared([a], [b])], [d.how for d in compared([a], [a, b])]
    (['changed'], ['same', 'gained'])
    """
    found: list[Difference] = []
    old, new = list(before), list(after)
    for how, is_pair in (("same", _is_same), ("changed", _is_misread)):
        for a in list(old):
            b = min((b for b in new if is_pair(a, b)), key=lambda b: abs(a.first_ms - b.first_ms), default=None)
            if b is not None:
                old.remove(a)
                new.remove(b)
                found.append(Difference(how, a, b))
    return found + [Difference("lost", a, None) for a in old] + [Difference("gained", None, b) for b in new]


def _is_same(a: Seen, b: Seen) -> bool:
    return a.plate == b.plate


def _is_misread(a: Seen, b: Seen) -> bool:
    """Do two texts differ a little, at the same time but for a moment?"""
    is_meanwhile = a.first_ms <= b.last_ms + _APART_MS and b.first_ms <= a.last_ms + _APART_MS
    return is_meanwhile and edits(a.plate, b.plate) <= _MISREAD_EDITS


def done_before(spool: Spool, wanted: Iterable[str] = ()) -> Iterator[tuple[Task, list[Seen]]]:
    """The last good HEAVY record of each video (all, or those whose video id or clip is wanted), with its plates."""
    names = set(wanted)
    newest: dict[str, tuple[Any, Task]] = {}
    for entry in spool.completed(TASK_TYPE):
        task = spool.load(entry)
        is_wanted = not names or task.video_id in names or str(task.metadata.get("clip")) in names
        if task.error is None and is_wanted:
            known = newest.get(task.video_id)
            if known is None or (known[1].completed_at or "") <= (task.completed_at or ""):
                newest[task.video_id] = (entry, task)
    for _, (entry, task) in sorted(newest.items()):
        rows = (orjson.loads(line) for line in (spool.rows(entry) or b"").splitlines())
        yield task, [Seen.of_row(row) for row in rows if row["table"] == "sightings"]


@dataclass(frozen=True)
class Replay:
    """How to look at a clip again."""

    tools: Tools
    settings: Mapping[str, Any]
    resolve: Callable[[Any], Path]
    progress: Callable[[float, str], None] = lambda share, what: None

    def plates(self, task: Task) -> list[Seen]:
        """The plates that these settings find in the clip of a HEAVY task; its inputs are only read."""
        from dashtools.stages.heavy import HeavyStage
        from dashtools.stages.preproc import PreprocStage

        kinds = ("video", "ingest", "track") if self._filters_anew(task) else ("video", "ingest", "track", "preproc")
        paths: dict[str, list[Path]] = {}
        for ref in task.inputs:
            if ref.type in kinds:
                paths.setdefault(ref.type, []).append(self.resolve(ref))
        with tempfile.TemporaryDirectory(prefix="dc-replay-") as scratch:
            if "preproc" not in paths:
                self._run(PreprocStage(self.tools.decoder, self.tools.proposer), task, paths, Path(scratch, "preproc"))
                paths["preproc"] = [Path(scratch, "preproc", "preproc.json")]
            heavy = HeavyStage(self.tools.decoder, self.tools.detector, self.tools.reader)
            rows = self._run(heavy, task, paths, Path(scratch, "heavy"))
        return [Seen.of_row(row) for row in rows if row["table"] == "sightings"]

    def _filters_anew(self, task: Task) -> bool:
        """Do frames have to be chosen anew? Also where the record does not say with what they were chosen."""
        before = task.params.get("settings") or {}
        return any(before.get(name) != self.settings.get(name) for name in FILTERING)

    def _run(self, stage: Any, task: Task, paths: Mapping[str, list[Path]], out: Path) -> Sequence[Json]:
        out.mkdir()
        result = stage(StageContext(task, paths, out, self.settings, self.progress))
        rows: Sequence[Json] = result.rows
        return rows
