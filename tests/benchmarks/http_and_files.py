"""Two workers over HTTP and two on files share one spool, and are killed: is each task done once?

    python tests/benchmarks/http_and_files.py --tasks 1000 --kill-every 2

Prints what was done, by whom, and how long it took; ends with status 1 unless every task has one final record and one
child, and every result file that a record names is whole.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from dashtools.attempt import Rules
from dashtools.files import sha256_of
from dashtools.model import ChildTask, Output, StageResult, Task
from dashtools.spool.queue import Spool

LEASE_S = 3.0
TYPE = "TOY"


class Places:
    def __init__(self, root: Path) -> None:
        self.root = root

    def output_folder(self, kind: str):
        return "nas", self.root, kind


class Toy:
    task_type, kind = TYPE, "exec"

    def __call__(self, context):
        (context.out / "a.txt").write_text(context.task.task_id)
        return StageResult(outputs=(Output("a.txt", "text"),), children=(ChildTask("NEXT"),))


def plan(name: str, folder: Path):
    from dashtools.worker import Plan

    about = {"device_id": name}
    return Plan((TYPE,), {}, {}, Rules(1, 1000), lease_s=LEASE_S, about=about, state_dir=folder / name, most_at_once=4)


def on_files(name: str, folder: Path, url: str) -> None:
    from dashtools.worker import Worker

    Worker(Spool.open(folder / "spool"), plan(name, folder), {TYPE: Toy}, Places(folder / "nas")).run("watch")


def over_http(name: str, folder: Path, url: str) -> None:
    from dashtools.devices.server import Server
    from dashtools.remote import RemoteWorker

    RemoteWorker(Server(url), plan(name, folder), {TYPE: Toy}, folder / name, sleep=lambda s: time.sleep(0.1)).run(
        "watch"
    )


def serve(folder: Path, said) -> None:
    from dashtools.index.refresh import refresh
    from dashtools.web.api_settings import ApiSettings
    from dashtools.web.server import WebSettings, serve_until_signal

    refresh(folder / "spool", folder / "index.db")
    api = ApiSettings(folder / "spool", LEASE_S, 1000, 1.0, output_folder=lambda kind: ("nas", folder / "nas", kind))
    serve_until_signal(WebSettings(folder / "index.db", {"nas": folder / "nas"}, port=0, api=api), said.put)


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--tasks", type=int, default=1000)
    words.add_argument("--kill-every", type=float, default=2.0, help="seconds")
    words.add_argument("--most", type=float, default=900.0, help="seconds until it is given up")
    asked = words.parse_args()
    processes = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "nas").mkdir()
        Spool.create(folder / "spool")
        spool = Spool.open(folder / "spool")
        for number in range(asked.tasks):
            spool.publish(Task(f"t{number:05d}", TYPE, "v"))
        said = processes.Queue()
        web = processes.Process(target=serve, args=(folder, said))
        web.start()
        url = said.get(timeout=120)
        kinds = {"http1": over_http, "http2": over_http, "file1": on_files, "file2": on_files}
        running = {}
        started_s, killed, rng = time.monotonic(), 0, random.Random(7)
        try:
            while next(spool.pending(TYPE), None) is not None and time.monotonic() - started_s < asked.most:
                for worker, kind in kinds.items():
                    if worker not in running or not running[worker].is_alive():
                        running[worker] = processes.Process(target=kind, args=(worker, folder, url))
                        running[worker].start()
                time.sleep(asked.kill_every)
                victim = running[rng.choice(sorted(kinds))]
                if victim.is_alive():
                    os.kill(victim.pid, signal.SIGKILL)
                    killed += 1
            seconds = time.monotonic() - started_s
        finally:
            for process in [*running.values(), web]:
                process.kill()
                process.join()
        return report(spool, folder, asked.tasks, killed, seconds)


def report(spool: Spool, folder: Path, tasks: int, killed: int, seconds: float) -> int:
    from dashtools.spool.janitor import Janitor

    Janitor(spool, lease_s=0.01, max_failures=1000).round()  # finishes what the last kill left half activated
    records = [spool.load(entry) for entry in spool.completed(TYPE)]
    once = Counter(record.task_id for record in records)
    children = Counter(spool.load(entry).parent_id for entry in spool.pending("NEXT"))
    whole = [sha256_of(folder / "nas" / ref.path) == ref.sha256 for record in records for ref in record.outputs]
    http = sum("claim" in record.metadata for record in records)
    again = sum(record.attempt > 1 for record in records)
    by = f"{http} over HTTP, {len(records) - http} on files"
    print(f"{len(records)} of {tasks} tasks in {seconds:.0f} s, {killed} kills: {by}")
    print(f"{again} needed more than one attempt; load {os.getloadavg()[0]:.1f}")
    is_good = len(once) == tasks and set(once.values()) == {1} and len(children) == tasks
    is_good = is_good and set(children.values()) == {1} and all(whole) and len(whole) == tasks
    print("each was done once, with one child and a whole file" if is_good else "NOT each was done once")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
