"""Measures the index over a big spool: rebuild against the least that any program must do, refresh, memory.

    index_million.py FOLDER [RECORDS]      makes FOLDER/spool unless it is there; prints a JSON line per measurement

The limit is one bare loop: list every leaf, open, read and parse every file, insert as many rows into the same tables
under the same settings, no index (`plain_s`); then the schema's indexes (`s`). Promised: a rebuild takes 1.5 times the
limit at most, a refresh after 100 new records one second at most, 300 MB of memory. Each runs in a process of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sqlite3
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import index_spool  # noqa: E402

from dashtools.index import store  # noqa: E402

BATCH = 20_000


def limit(folder: Path) -> dict[str, float]:
    """Seconds of the bare loop."""
    db = folder / "limit.db"
    store.discard(db)
    connection = store.create(db)
    started, records, waiting = time.monotonic(), 0, 0
    batches: dict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
    connection.execute("BEGIN")
    for leaf in _leaves(folder / "spool/complete"):
        for name in sorted(os.listdir(leaf)):
            path = f"{leaf}/{name}"
            fd = os.open(path, os.O_RDONLY)
            content = os.read(fd, 1 << 16)
            os.close(fd)
            if name.endswith(".rows.jsonl"):
                for line in content.splitlines():
                    row = orjson.loads(line)
                    batches[(row.pop("table"), *row)].append(tuple(row.values()))
                    waiting += 1
            else:
                records += 1
                waiting += _record(batches, path, orjson.loads(content))
        if waiting >= BATCH:
            _insert(connection, batches)
            waiting = 0
    _insert(connection, batches)
    plain_s = time.monotonic() - started
    for _, sql in store.statements():
        if sql.startswith("CREATE INDEX"):
            connection.execute(sql)
    connection.execute("COMMIT")
    store.finish(connection, db)
    store.discard(db)
    return {"plain_s": plain_s, "s": time.monotonic() - started, "records": records}


def _leaves(top: Path) -> list[str]:
    found = [str(top)]
    for _ in range(5):
        found = [entry.path for folder in found for entry in sorted(os.scandir(folder), key=lambda e: e.name)]
    return found


TASK = ("tasks", "path", "task_id", "task_type", "video_id", "state", "condition", "clip", "created_at", "completed_at")
ARTIFACT = ("artifacts", "task_id", "video_id", "type", "storage", "path", "sha256", "size_bytes", "record")


def _record(batches: dict[tuple[str, ...], list[tuple[Any, ...]]], path: str, value: dict[str, Any]) -> int:
    task_id, video_id, outputs = value["task_id"], value["video_id"], value["outputs"]
    told = (value["metadata"]["clip"], value["created_at"], value["completed_at"])
    batches[TASK].append((path, task_id, value["task_type"], video_id, "complete", "complete", *told))
    batches[ARTIFACT] += [
        (task_id, video_id, f["type"], f["device"], f["path"], f["sha256"], f["size_bytes"], 0) for f in outputs
    ]
    return 1 + len(outputs)


def _insert(connection: sqlite3.Connection, batches: dict[tuple[str, ...], list[tuple[Any, ...]]]) -> None:
    for (table, *names), rows in batches.items():
        marks = ", ".join("?" * len(names))
        connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)
    batches.clear()


def rebuild(folder: Path) -> dict[str, float]:
    """Seconds of a whole rebuild."""
    from dashtools.index.refresh import rebuild as make_anew

    report = make_anew(folder / "spool", folder / "index.db")
    return {"s": report.seconds, "records": report.added}


def refresh(folder: Path) -> dict[str, float]:
    """Seconds of a refresh with whatever is new."""
    from dashtools.index.refresh import refresh as bring_up_to_date

    report = bring_up_to_date(folder / "spool", folder / "index.db")
    return {"s": report.seconds, "records": report.added, "leaves": report.leaves_read}


def in_its_own(work: Callable[[Path], dict[str, float]], folder: Path) -> dict[str, float]:
    """A measurement in a new process, with the memory it took and how busy the machine was; prints it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(_measured, (work, folder))
    print(orjson.dumps({"what": work.__name__, **found}).decode(), flush=True)
    return found


def _measured(work: Callable[[Path], dict[str, float]], folder: Path) -> dict[str, float]:
    started, load = time.monotonic(), os.getloadavg()[0]
    found = {name: round(value, 3) for name, value in work(folder).items()}
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = round(usage.ru_utime + usage.ru_stime, 1)
    wall_s = round(time.monotonic() - started, 2)
    return {**found, "wall_s": wall_s, "cpu_s": cpu_s, "peak_mb": usage.ru_maxrss // 1024, "load": round(load, 1)}


def main(folder: Path, records: int) -> None:
    """Prints all measurements."""
    spool = folder / "spool"
    if not spool.exists():
        index_spool.make(spool, records)
    roots = (name for _, _, names in os.walk(spool / "complete/INGEST_VIDEO") for name in names)
    made = sum(not name.endswith(".rows.jsonl") for name in roots)
    least = in_its_own(limit, folder)
    whole = in_its_own(rebuild, folder)
    in_its_own(refresh, folder)
    index_spool.add(spool, range(made, made + 20))  # five records each
    in_its_own(refresh, folder)
    ratios = {"of_plain": whole["s"] / least["plain_s"], "of_limit": whole["s"] / least["s"]}
    print(orjson.dumps({"ratio": {name: round(value, 2) for name, value in ratios.items()}}).decode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
