"""dc-status: the queue at a glance."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dashtools.commands._run import Session, common

if TYPE_CHECKING:
    from dashtools.spool.layout import Entry

RATE_WINDOW_S = 900.0
MOST_OPENED = 400
STATES = ("ready", "claimed", "delayed", "complete", "failed")


@click.command()
@common
@click.option("--watch", "is_watching", is_flag=True, help="Show it again and again until interrupted.")
@click.option("--every", "every_s", type=click.FloatRange(0.1), default=2.0, show_default=True, help="With --watch: s.")
@click.option("--prometheus", type=click.Path(path_type=Path), metavar="FILE", help="Write metrics to FILE instead.")
def command(session: Session, is_watching: bool, every_s: float, prometheus: Path | None) -> None:
    """Show how much is ready, claimed, delayed, complete and failed by type, the oldest, the rate, and who works.

    The rate is that of the last 15 minutes; what is left is what is pending at that rate, without children to come.
    """
    if prometheus is not None:
        _write_metrics(session, prometheus)
    elif is_watching:
        _watch(session, every_s)
    else:
        _show(session)


def _write_metrics(session: Session, file: Path) -> None:
    """The textfile is replaced as a whole, and is as it was when the spool is away: its age tells."""
    from dashtools.commands._metrics import exposition
    from dashtools.files import write_whole

    write_whole(file, exposition(session).encode())


def _watch(session: Session, every_s: float) -> None:
    """Again and again on one screen, or a block after the other where stdout is no terminal; a lost share is told."""
    from dashtools.errors import TryLater
    from dashtools.notices import notices

    with notices([], 0) as wait:  # a busy spool would wake it all the time
        while True:
            if sys.stdout.isatty() and not session.as_json:
                click.echo("\033[H\033[2J", nl=False)
            try:
                _show(session)
            except TryLater as error:
                click.echo(str(error), err=True)
            sys.stdout.flush()
            wait(every_s)


def _show(session: Session) -> None:
    from dashtools.times import utc_now

    now = utc_now()
    counts, oldest, done = _counts(session, now)
    if not session.as_json:
        click.echo(
            f"{'TYPE':22}" + "".join(f"{state:>10}" for state in STATES) + "    oldest pending     a minute      left"
        )
    for task_type in sorted(counts, key=_stage_order):
        numbers = {state: counts[task_type][state] for state in STATES}
        left = sum(numbers[state] for state in STATES[:3])
        rate = _rate(session, done[task_type], now)
        eta_s = left / rate if rate and left else None
        age = oldest.get(task_type)
        text = f"{task_type:22}" + "".join(f"{numbers[state]:>10}" for state in STATES) + f"    {_age(age):14}"
        text = f"{text}{'-' if rate is None else f'{rate * 60:.1f}':>13}{_age(eta_s):>10}"
        about = {"oldest_pending_s": age, "rate_per_min": None if rate is None else round(rate * 60, 2), "eta_s": eta_s}
        session.emit("queue", text, task_type=task_type, **numbers, **about)
    for record in _workers(session):
        held = record.get("holds")
        text = f"worker {record['worker']}  {record.get('device_id', '')}  {'holds ' + held if held else 'idle'}"
        if record["alive"] is False:
            text += "  dead: dc-reap takes its task over"
        session.emit("worker", text, **record)


def _counts(
    session: Session, now: datetime
) -> tuple[dict[str, Counter[str]], dict[str, float], dict[str, deque[Entry]]]:
    """Tasks by type and state, the age of the oldest pending one, and the last completed by type."""
    from dashtools.spool import scan

    counts: dict[str, Counter[str]] = defaultdict(Counter)
    oldest: dict[str, float] = {}
    done: dict[str, deque[Entry]] = defaultdict(lambda: deque(maxlen=MOST_OPENED))
    for entry in scan.everything(session.spool.files):
        counts[entry.task_type][entry.state] += 1
        if entry.is_pending:
            age_s = (now - entry.created).total_seconds()
            oldest[entry.task_type] = max(oldest.get(entry.task_type, 0.0), age_s)
        else:
            done[entry.task_type].append(entry)
    return counts, oldest, done


def _rate(session: Session, entries: Iterable[Entry], now: datetime) -> float | None:
    """Completions a second in the last minutes, from the youngest records; None when there were none."""
    since = now - RATE_WINDOW_S * timedelta(seconds=1)
    times = sorted(when for when in _completion_times(session, entries) if when >= since)
    if not times:
        return None
    return len(times) / max(1.0, (now - times[0]).total_seconds())


def _completion_times(session: Session, entries: Iterable[Entry]) -> Iterator[datetime]:
    from dashtools.errors import BadInput
    from dashtools.times import from_text

    for entry in entries:
        try:
            text = session.spool.load(entry).completed_at
        except (FileNotFoundError, BadInput):
            continue
        if text:
            yield from_text(text)


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
