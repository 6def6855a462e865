"""Devices on HTTP and workers on files share one spool: each task is completed once, whoever dies in between."""

from __future__ import annotations

import random
import threading
from collections import Counter

from dashtools.errors import ClaimLost
from dashtools.model import Task, with_changes
from dashtools.spool.janitor import Janitor
from dashtools.spool.queue import Spool
from dashtools.times import to_text, utc_now
from dashtools.web import claims

TYPE = ("CLEANUP_STORAGE",)
TASKS = 40


def http_device(root, number, done):
    """Claims over and over through what the API uses; every fifth claim it dies and says nothing more."""
    rng = random.Random(number)
    spool = Spool.open(root)
    while not done.is_set():
        name = claims.name_of(f"dev-{number}")
        got = claims.take(spool, name, claims.Wish(TYPE))
        if got is None or rng.random() < 0.2:
            continue
        try:
            claims.beat(spool, name)
            claims.acting(spool, name).commit(claims.held(spool, name), finished(got.task))
        except ClaimLost:
            continue
        claims.forget(spool, name)


def file_worker(root, number, done):
    """The same with a mounted spool; every fifth claim it comes back too late, as a zombie."""
    rng = random.Random(number)
    spool = Spool.open(root)
    late = []
    while not done.is_set():
        got = spool.claim(spool.scanner(TYPE, {}))
        if got is None:
            continue
        late.append(got)
        for claim in [late.pop()] if rng.random() < 0.8 else [late.pop(0)] if len(late) > 3 else []:
            try:
                spool.commit(claim, finished(claim.task))
            except ClaimLost:
                continue


def finished(task):
    return with_changes(task, state="complete", completed_at=to_text(utc_now()))


def test_two_devices_and_two_workers_complete_each_task_once(tmp_path):
    root = tmp_path / "spool"
    Spool.create(root)
    spool = Spool.open(root)
    for number in range(TASKS):
        spool.publish(Task(f"task{number:04d}", TYPE[0], "v"))
    done, now = threading.Event(), [0.0]
    other = Spool.open(root, host_id="other")
    janitor = Janitor(other, lease_s=60, max_failures=1000, clock=lambda: now[0])
    kinds = [(http_device, 1), (http_device, 2), (file_worker, 3), (file_worker, 4)]
    threads = [threading.Thread(target=kind, args=(root, number, done), daemon=True) for kind, number in kinds]
    for thread in threads:
        thread.start()
    for _ in range(3000):
        janitor.sweep()
        now[0] += 10
        if next(spool.pending(), None) is None:
            break
    done.set()
    for thread in threads:
        thread.join(timeout=20)
    counts = Counter(entry.task_id for entry in spool.completed())
    assert len(counts) == TASKS and set(counts.values()) == {1}
    assert {entry.state for entry in spool.completed()} == {"complete"}
    assert any(entry.attempt > 1 for entry in spool.completed())  # some did die
