"""What a soak left, against what it must have left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from dashtools.bench.toys import TYPE, child_ids
from dashtools.errors import BadInput
from dashtools.model import Task
from dashtools.spool import leaf, scan
from dashtools.spool.queue import Spool


@dataclass
class Audit:
    """The findings; `faults` must be empty."""

    tasks: int = 0
    packed: int = 0
    completions: int = 0
    requeues: int = 0
    taken_over: Counter[str] = field(default_factory=Counter)
    reported: int = 0
    faults: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people."""
        paths = ", ".join(f"{count} by {how}" for how, count in sorted(self.taken_over.items())) or "none"
        return [
            f"{self.tasks} tasks, {self.completions} completions, {self.requeues} requeues; {self.packed} are packed",
            f"takeovers: {paths}",
            f"{self.reported} commits reported by workers, each found in the records",
            f"{len(self.faults)} faults",
            *self.faults[:50],
        ]


def audit(spool: Spool, roots: Iterable[str], requeued: Mapping[str, int], logs: Path) -> Audit:
    """Looks at everything once all work has come to rest."""
    found = Audit(requeues=sum(requeued.values()))
    records = _records(spool, found)
    expected, todo = set(), list(roots)
    while todo:
        task_id = todo.pop()
        if task_id in expected:
            found.faults.append(f"{task_id} is the child of two")
        expected.add(task_id)
        if task_id in records:
            todo += child_ids(records[task_id], records[task_id].generation + 1)
    found.faults += [f"{task_id} was lost" for task_id in sorted(expected - set(records))]
    found.faults += [
        f"{task_id} was published though nobody committed its parent" for task_id in set(records) - expected
    ]
    completions = {task_id: _attempts(task) for task_id, task in records.items()}
    for task_id, attempts in completions.items():
        found.completions += len(attempts)
        if len(set(attempts)) != len(attempts) or len(attempts) != requeued.get(task_id, 0) + 1:
            found.faults.append(f"{task_id} was completed by attempts {attempts}, requeued {requeued.get(task_id, 0)}")
    _replay(logs, completions, found)
    _leftovers(spool, records, found)
    return found


def _attempts(task: Task) -> list[int]:
    return [int(e["attempt"]) for e in task.history if e.get("event") == "complete"] + [task.attempt]


def _records(spool: Spool, found: Audit) -> dict[str, Task]:
    records: dict[str, Task] = {}
    counts: Counter[str] = Counter()
    for entry in [*spool.pending(TYPE), *spool.completed(TYPE)]:
        counts[entry.task_id] += 1
        if entry.state != "complete":
            found.faults.append(f"{entry.path} is {entry.state} at the end")
            continue
        try:
            records[entry.task_id] = spool.load(entry)
        except (BadInput, FileNotFoundError) as error:
            found.faults.append(f"{entry.path}: {error}")
            continue
        if records[entry.task_id].state != "complete":
            found.faults.append(f"{entry.path} was never activated")
    found.faults += [f"{task_id} is in {count} places" for task_id, count in counts.items() if count > 1]
    found.tasks = len(counts)
    looks = [leaf.look(spool.files, path) for path in scan.leaves(spool.files, TYPE)]
    found.packed = sum(len(set(seen.names()) - seen.loose) for seen in looks)
    return records


def _replay(logs: Path, completions: Mapping[str, list[int]], found: Audit) -> None:
    """Every commit that a worker saw succeed must be in the records, under one worker only."""
    seen: Counter[tuple[str, int]] = Counter()
    for log in sorted(logs.glob("*.log")):
        for line in log.read_text().splitlines():
            task_id, attempt = line.split()[:2]
            seen[task_id, int(attempt)] += 1
    for (task_id, attempt), count in seen.items():
        if count > 1 or attempt not in completions.get(task_id, []):
            found.faults.append(
                f"{task_id} attempt {attempt} was reported committed {count} times, records say otherwise"
            )
    found.reported = len(seen)


def _leftovers(spool: Spool, records: Mapping[str, Task], found: Audit) -> None:
    found.faults += [f"staging/{name} was left" for name in spool.files.names("staging")]
    workers = spool.files.names("workers")
    for name in workers:
        spool.files.unlink(f"workers/{name}")
    kept = set(spool.files.names("workers"))  # removed long ago, but SMB shows it until its last handle is closed
    found.faults += [f"workers/{name} was left" for name in workers if name not in kept]
    found.faults += [f"tmp/{name} was left" for name in spool.files.names("tmp") if name.startswith("once~")]
    without = [entry.path for entry in spool.completed(TYPE) if spool.rows(entry) is None]
    found.faults += [f"{path} has no rows" for path in without]
    stale = sum(1 for _ in spool.root.glob(f"complete/{TYPE}/*/*/*/*/*.rows.jsonl")) - len(records)
    if stale > 0:
        found.faults.append(f"{stale} files of rows without their record")
    for task in records.values():
        for ref in task.outputs:
            if not (spool.root.parent / ref.path).is_file():
                found.faults.append(f"{ref.path} of {task.task_id} is not there")
    for name in spool.files.names("attempts"):
        note = orjson.loads(spool.files.read(f"attempts/{name}") or b"{}") if name.endswith(".json") else {}
        if note.get("event") == "worker died":
            found.taken_over[str(note.get("seen_by"))] += 1
