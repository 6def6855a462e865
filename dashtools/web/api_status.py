"""What there is and how it is: devices, health, metrics."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from datasette.utils.asgi import Response

import dashtools
from dashtools import schemas
from dashtools.errors import BadInput, DashtoolsError
from dashtools.model import Json
from dashtools.spool.queue import Spool
from dashtools.times import from_text, utc_now
from dashtools.web import fleet
from dashtools.web.answers import ask
from dashtools.web.api import Call
from dashtools.web.bodies import read_json
from dashtools.web.problem import RETRY_AFTER_S, Problem, json_answer

DEVICE_BYTES = 64 << 10
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def list_devices(call: Call) -> Response:
    """Registered devices and those seen working, with who of them is alive and what they hold."""
    return json_answer(await call.with_spool(lambda spool: list(fleet.devices(spool, call.api.lease_s).values())))


async def get_device(call: Call) -> Response:
    """One device."""
    device_id = call.variable("device")
    found = (await call.with_spool(lambda spool: fleet.devices(spool, call.api.lease_s))).get(device_id)
    if found is None:
        raise Problem(404, f"no device {device_id}")
    return json_answer(found)


async def put_device(call: Call) -> Response:
    """Registers a device: what it is and can do, as schemas/device.schema.json has it."""
    device_id, value = call.variable("device"), await read_json(call.request, call.receive, DEVICE_BYTES)
    found = schemas.problems("device", value) if isinstance(value, dict) else ["it must be an object"]
    if found or value["device_id"] != device_id:
        raise BadInput(f"not this device: {'; '.join(found[:5]) or 'its device_id is another'}")
    content = orjson.dumps(value, option=orjson.OPT_INDENT_2)

    def write(spool: Spool) -> None:
        spool.files.replace(f"devices/{device_id}.json", content, f"tmp/device~{spool.me.worker}~{uuid4().hex[:8]}")

    await call.with_spool(write)
    return json_answer(value)


async def health(call: Call) -> Response:
    """Is the spool reachable, which storages are mounted, how fresh is the index? 503 while the spool is away."""
    try:
        uuid = await call.with_spool(lambda spool: spool.uuid)
    except DashtoolsError:
        uuid = None
    roots = call.datasette.dashtools.roots
    mounted = await asyncio.to_thread(lambda: {n: r is not None and Path(r).is_dir() for n, r in sorted(roots.items())})
    refreshed_at = await ask(call.datasette, _refreshed_at)
    document = {"status": "ok" if uuid else "spool away", "spool": uuid, "version": dashtools.__version__}
    document |= {"index_refreshed_at": refreshed_at, "storages": mounted}
    headers = {} if uuid else {"retry-after": str(RETRY_AFTER_S)}
    return json_answer(document, 200 if uuid else 503, headers)


def _refreshed_at(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE key = 'refreshed_at'").fetchone()
    return None if row is None else str(row[0])


def _completed(connection: sqlite3.Connection) -> tuple[list[tuple[Any, ...]], str | None]:
    sql = "SELECT kind, what, number FROM counts WHERE what IN ('complete', 'failed') ORDER BY 1, 2"
    return [tuple(row) for row in connection.execute(sql)], _refreshed_at(connection)


async def metrics(call: Call) -> Response:
    """Queue, workers and index for Prometheus, as text."""

    def look(spool: Spool) -> tuple[Counter[tuple[str, str]], dict[str, float], list[Json]]:
        waiting: Counter[tuple[str, str]] = Counter()
        oldest: dict[str, float] = {}
        for entry in spool.pending():
            waiting[entry.task_type, entry.state] += 1
            if entry.state == "ready":
                made = entry.created.timestamp()
                oldest[entry.task_type] = min(made, oldest.get(entry.task_type, made))
        return waiting, oldest, list(fleet.devices(spool, call.api.lease_s).values())

    waiting, oldest, devices = await call.with_spool(look)
    done, refreshed_at = await ask(call.datasette, _completed)
    lines = [*_family("dashtools_info", "Version of the server.", [(f'version="{dashtools.__version__}"', 1)])]
    counts = [*(((*key, n)) for key, n in sorted(waiting.items())), *done]
    tasks = [(f'type="{kind}",condition="{state}"', n) for kind, state, n in counts]
    lines += _family("dashtools_tasks", "Tasks by type and condition.", tasks)
    now_s = utc_now().timestamp()
    ages = [(f'type="{kind}"', round(max(0.0, now_s - made), 3)) for kind, made in sorted(oldest.items())]
    lines += _family("dashtools_oldest_ready_age_seconds", "Age of the oldest task that waits to be claimed.", ages)
    workers = [worker for device in devices for worker in device.get("workers", [])]
    alive = sum(1 for worker in workers if worker["alive"])
    lines += _family("dashtools_workers", "Workers by whether they beat within a lease.",
                     [('alive="true"', alive), ('alive="false"', len(workers) - alive)])  # fmt: skip
    if refreshed_at is not None:
        stamp = round(from_text(refreshed_at).timestamp(), 3)
        lines += _family(
            "dashtools_index_refreshed_timestamp_seconds", "When the index was last made fresh.", [("", stamp)]
        )
    return Response("\n".join([*lines, ""]), 200, {"cache-control": "no-store"}, METRICS_TYPE)


def _family(name: str, words: str, samples: list[tuple[str, Any]]) -> list[str]:
    head = [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
    return head + [f"{name}{{{labels}}} {value}" if labels else f"{name} {value}" for labels, value in samples]
