"""The queue, the workers and the storages for Prometheus' textfile collector (text format 0.0.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from dashtools.commands._run import Session

RECENT = timedelta(days=1)
Sample = tuple[str, Any]


def exposition(session: Session) -> str:
    """Everything as text; TryLater or OutputRefused while the spool is away or full."""
    lines: list[str] = []
    for name, words, samples in (*_of_queue(session), _of_workers(session), *_of_storages(session)):
        lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
        lines += [f"{name}{{{labels}}} {value}" if labels else f"{name} {value}" for labels, value in samples]
    return "\n".join([*lines, ""])


def _of_queue(session: Session) -> Iterator[tuple[str, str, list[Sample]]]:
    from dashtools.spool import scan

    now = session.spool.now()
    tasks: Counter[tuple[str, str]] = Counter()
    recent: Counter[tuple[str, str]] = Counter()
    oldest_s: dict[str, float] = {}
    newest = 0.0
    for entry in scan.everything(session.spool.files):
        tasks[entry.task_type, entry.state] += 1
        age = now - entry.created
        if entry.is_pending:
            oldest_s[entry.task_type] = max(oldest_s.get(entry.task_type, 0.0), age.total_seconds())
        elif age < RECENT:
            recent[entry.task_type, entry.state] += 1
        if entry.task_type == "INGEST_VIDEO":
            newest = max(newest, entry.created.timestamp())
    yield "dashtools_tasks", "Tasks by type and state.", _by_type_and_state(tasks)
    yield "dashtools_recent_tasks", "Completed tasks that were published in the last day.", _by_type_and_state(recent)
    ages = [(f'type="{kind}"', round(max(0.0, age), 3)) for kind, age in sorted(oldest_s.items())]
    yield "dashtools_oldest_pending_age_seconds", "Age of the oldest task that is not complete.", ages
    stamps: list[Sample] = [("", round(newest, 3))] if newest else []
    yield "dashtools_last_clip_timestamp_seconds", "When the last clip came in.", stamps
    yield "dashtools_looked_timestamp_seconds", "When this was measured.", [("", round(now.timestamp(), 3))]


def _by_type_and_state(counts: Counter[tuple[str, str]]) -> list[Sample]:
    return [(f'type="{kind}",state="{state}"', number) for (kind, state), number in sorted(counts.items())]


def _of_workers(session: Session) -> tuple[str, str, list[Sample]]:
    from dashtools.web import fleet

    lease_s = float(session.config.global_settings["lease_seconds"])
    devices = fleet.devices(session.spool, lease_s).values()
    alive = Counter(bool(worker["alive"]) for device in devices for worker in device.get("workers", ()))
    samples: list[Sample] = [('alive="true"', alive[True]), ('alive="false"', alive[False])]
    return "dashtools_workers", "Workers by whether they beat within a lease.", samples


def _of_storages(session: Session) -> Iterator[tuple[str, str, list[Sample]]]:
    import shutil

    from dashtools.devices.storages import mounted_root
    from dashtools.errors import DashtoolsError

    up: list[Sample] = []
    free: list[Sample] = [('storage="spool"', session.spool.files.free_bytes())]
    for name, storage in sorted(session.config.storages.items()):
        try:
            root = mounted_root(storage)
            free.append((f'storage="{name}"', shutil.disk_usage(root).free))
            up.append((f'storage="{name}"', 1))
        except (DashtoolsError, OSError):
            up.append((f'storage="{name}"', 0))
    yield "dashtools_storage_up", "Is the storage mounted here?", up
    yield "dashtools_free_bytes", "Room on the disk of a storage or the spool.", free
