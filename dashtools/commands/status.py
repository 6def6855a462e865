"""dc-status: the queue at a glance."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import click

from dashtools.commands._run import Session, common


@click.command()
@common
def command(session: Session) -> None:
    """Show how much is ready, claimed, delayed, complete and failed by type, the oldest, the rate, and who works."""
    from dashtools.spool import scan
    from dashtools.times import utc_now

    now = utc_now()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    oldest: dict[str, float] = {}
    for entry in scan.everything(session.spool.files):
        counts[entry.task_type][entry.state] += 1
        if entry.is_pending:
            age_s = (now - entry.created).total_seconds()
            oldest[entry.task_type] = max(oldest.get(entry.task_type, 0.0), age_s)
    states = ("ready", "claimed", "delayed", "complete", "failed")
    if not session.as_json:
        click.echo(f"{'TYPE':22}" + "".join(f"{state:>10}" for state in states) + "    oldest pending")
    for task_type in sorted(counts, key=_stage_order):
        numbers = {state: counts[task_type][state] for state in states}
        age = oldest.get(task_type)
        text = f"{task_type:22}" + "".join(f"{numbers[state]:>10}" for state in states) + f"    {_age(age)}"
        session.emit("queue", text, task_type=task_type, **numbers, oldest_pending_s=age)
    for record in _workers(session):
        held = record.get("holds")
        text = f"worker {record['worker']}  {record.get('device_id', '')}  {'holds ' + held if held else 'idle'}"
        session.emit("worker", text, **record)


def _stage_order(task_type: str) -> tuple[int, str]:
    from dashtools.model import TASK_TYPES

    return (TASK_TYPES.index(task_type) if task_type in TASK_TYPES else len(TASK_TYPES), task_type)


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _workers(session: Session) -> list[dict[str, Any]]:
    import orjson

    from dashtools.spool.workers import is_gone

    found = []
    for name in sorted(session.spool.files.names("workers")):
        if not name.endswith(".json"):
            continue
        try:
            record = orjson.loads(session.spool.files.read(f"workers/{name}"))
        except (FileNotFoundError, orjson.JSONDecodeError):
            continue
        gone = is_gone(record, session.spool.me)
        found.append({**record, "alive": None if gone is None else not gone})
    return found
