"""Queue, workers, storages and index for Prometheus (text format 0.0.4). No plate, place, clip or path is in it."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from datasette.utils.asgi import Response

import dashtools
from dashtools.index.counts import depths, totals
from dashtools.spool.queue import Spool
from dashtools.times import from_text, utc_now
from dashtools.web import fleet
from dashtools.web.answers import ask
from dashtools.web.api import Call

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}\Z")
Samples = Iterable[tuple[Mapping[str, str], float]]


async def metrics(call: Call) -> Response:
    """Queue, workers, storages and index for Prometheus, as text."""
    roots = call.datasette.dashtools.roots
    families = [_family("info", "Version of the server.", [({"version": dashtools.__version__}, 1)])]
    families += await call.with_spool(lambda spool: _of_spool(spool, call.api.lease_s))
    families += await asyncio.to_thread(_of_storages, roots)
    families += await ask(call.datasette, _of_index)
    return Response("\n".join([*families, ""]), 200, {"cache-control": "no-store"}, CONTENT_TYPE)


def _of_spool(spool: Spool, lease_s: float) -> list[str]:
    counts: Counter[tuple[str, str]] = Counter()
    oldest: dict[tuple[str, str], float] = {}
    for entry in spool.pending():
        place = (entry.task_type, entry.state)
        counts[place] += 1
        made = entry.created.timestamp()
        oldest[place] = min(made, oldest.get(place, made))
    now_s = utc_now().timestamp()
    ages = [(_place(place), round(max(0.0, now_s - made), 3)) for place, made in sorted(oldest.items())]
    workers = [worker for device in fleet.devices(spool, lease_s).values() for worker in device.get("workers", [])]
    alive = sum(1 for worker in workers if worker["alive"])
    share = [({}, float(_room(spool.root)[0]))]
    return [
        _family("tasks", "Tasks that wait or are claimed.", [(_place(p), n) for p, n in sorted(counts.items())]),
        _family("oldest_task_age_seconds", "Age of the oldest task of a type and condition.", ages),
        _family("workers", "Workers by whether they beat within a lease.",
                [({"alive": "true"}, alive), ({"alive": "false"}, len(workers) - alive)]),
        _family("spool_free_bytes", "Room on the share of the spool.", share),
    ]  # fmt: skip


def _of_storages(roots: Mapping[str, Path | None]) -> list[str]:
    rooms: list[tuple[str, int, int]] = []
    away: list[str] = []
    for name, root in sorted(roots.items()):
        try:
            rooms.append((name, *_room(root)) if root is not None else (name, 0, 0))
        except OSError:
            away.append(name)
    known = [room for room in rooms if room[2]]
    mounted = [({"storage": name}, float(total > 0)) for name, _, total in rooms] + [
        ({"storage": n}, 0.0) for n in away
    ]
    return [
        _family("storage_mounted", "Is the storage there?", sorted(mounted, key=lambda sample: sample[0]["storage"])),
        _family("storage_free_bytes", "Room on a storage.", [({"storage": n}, free) for n, free, _ in known]),
        _family("storage_size_bytes", "Size of a storage.", [({"storage": n}, total) for n, _, total in known]),
    ]


def _of_index(connection: sqlite3.Connection) -> list[str]:
    known = totals(connection)
    done = [((d.task_type, state), getattr(d, state)) for d in depths(connection) for state in ("complete", "failed")]
    failed = Counter[str]()
    sql = "SELECT error_class, count(*) FROM tasks WHERE condition = 'failed' GROUP BY 1"
    for kind, count in connection.execute(sql):
        failed[kind if NAME.match(str(kind or "")) else "other"] += count  # a device may call an error anything
    families = [
        _family("finished_tasks", "Final records.", [(_place(place), number) for place, number in done]),
        _family("failures", "Tasks with the error flag, by the class of the error.",
                [({"class": kind}, count) for kind, count in sorted(failed.items())]),
    ]  # fmt: skip
    for name, words in (("videos", "Clips"), ("sightings", "Sightings"), ("plates", "Different plates")):
        families.append(_family(name, f"{words} in the index.", [({}, getattr(known, name))]))
    stamp = known.refreshed_at
    if stamp is not None:
        when_s = from_text(stamp).timestamp()
        age_s = max(0.0, utc_now().timestamp() - when_s)
        words = "When the index was last made fresh."
        families.append(_family("index_refreshed_timestamp_seconds", words, [({}, round(when_s, 3))]))
        families.append(_family("index_age_seconds", "How long ago that was.", [({}, round(age_s, 3))]))
    return families


def _place(place: tuple[str, str]) -> dict[str, str]:
    return {"type": place[0] if NAME.match(place[0]) else "other", "condition": place[1]}


def _room(root: Path) -> tuple[int, int]:
    found = os.statvfs(root)
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def _family(name: str, words: str, samples: Samples) -> str:
    lines = [f"# HELP dashtools_{name} {words}", f"# TYPE dashtools_{name} gauge"]
    for labels, value in samples:
        pairs = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"dashtools_{name}{{{pairs}}} {value}" if pairs else f"dashtools_{name} {value}")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
