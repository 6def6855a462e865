"""The same work by other queues: a script of its own, run by a Python that has them, printing JSON lines.

    python peers.py FOLDER DEPTH SECONDS

For each: tasks taken and acknowledged per second at a depth, and what is left of a task whose worker was killed with -9
after it took it: "kept" (another gets it), "held" (nobody gets it until something is done by hand), "lost".
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator

CONTENT = json.dumps({"task_id": "t0000000", "task_type": "BENCH", "video_id": "v", "state": "pending"})
FILL_S = 20.0


class Dirq:
    """dirq QueueSimple: lock, read, remove; its iterator kept."""

    def __init__(self, folder: str) -> None:
        from dirq.QueueSimple import QueueSimple

        self.queue, self.at = QueueSimple(folder), ""

    def put(self) -> None:
        self.queue.add(CONTENT)

    def take(self) -> object:
        self.at = self.at and self.queue.next() or self.queue.first()
        while self.at and not self.queue.lock(self.at):
            self.at = self.queue.next()
        return self.queue.get(self.at) if self.at else None

    def done(self) -> None:
        self.queue.remove(self.at)

    def left(self) -> int:
        return self.queue.count()


class HueySqlite:
    """huey's SQLite storage: taking removes."""

    def __init__(self, folder: str) -> None:
        from huey.storage import SqliteStorage

        os.makedirs(folder, exist_ok=True)
        self.store = SqliteStorage("bench", filename=f"{folder}/huey.db", fsync=True)

    def put(self) -> None:
        self.store.enqueue(CONTENT.encode())

    def take(self) -> object:
        return self.store.dequeue()

    def done(self) -> None:
        return

    def left(self) -> int:
        return self.store.queue_size()


class HueyFile(HueySqlite):
    """huey's file storage."""

    def __init__(self, folder: str) -> None:
        from huey.storage import FileStorage

        self.store = FileStorage("bench", path=folder)


class PersistFile:
    """persist-queue's file queue."""

    def __init__(self, folder: str) -> None:
        import persistqueue

        self.queue = persistqueue.Queue(folder, autosave=True)

    def put(self) -> None:
        self.queue.put(CONTENT)

    def take(self) -> object:
        return self.queue.get(block=False)

    def done(self) -> None:
        self.queue.task_done()

    def left(self) -> int:
        return self.queue.qsize()


class PersistAck(PersistFile):
    """persist-queue's SQLite queue with acknowledgement."""

    def __init__(self, folder: str) -> None:
        import persistqueue

        self.queue, self.item = persistqueue.SQLiteAckQueue(folder, multithreading=True), None

    def take(self) -> object:
        self.item = self.queue.get(block=False)
        return self.item

    def done(self) -> None:
        self.queue.ack(self.item)


class Lite:
    """litequeue."""

    def __init__(self, folder: str) -> None:
        from litequeue import LiteQueue

        os.makedirs(folder, exist_ok=True)
        self.queue, self.item = LiteQueue(f"{folder}/lite.db"), None

    def put(self) -> None:
        self.queue.put(CONTENT)

    def take(self) -> object:
        self.item = self.queue.pop()
        return self.item

    def done(self) -> None:
        self.queue.done(self.item.message_id)

    def left(self) -> int:
        return self.queue.conn.execute("SELECT count(*) FROM Queue").fetchone()[0]


class LockPerTask:
    """A filelock beside each task's file, the listing kept."""

    def __init__(self, folder: str) -> None:
        os.makedirs(f"{folder}/pending", exist_ok=True)
        os.makedirs(f"{folder}/complete", exist_ok=True)
        self.folder, self.count, self.names, self.lock = folder, 0, [], None

    def put(self) -> None:
        self.count += 1
        with open(f"{self.folder}/pending/{self.count:07d}.json", "w") as stream:
            stream.write(CONTENT)
            stream.flush()
            os.fsync(stream.fileno())

    def take(self) -> object:
        from filelock import FileLock, Timeout

        if not self.names:
            self.names = sorted(n for n in os.listdir(f"{self.folder}/pending") if n.endswith(".json"))[::-1]
        while self.names:
            self.name = self.names.pop()
            self.lock = FileLock(f"{self.folder}/pending/{self.name}.lock")
            try:
                self.lock.acquire(timeout=0)
                with open(f"{self.folder}/pending/{self.name}") as stream:
                    return stream.read()
            except (Timeout, FileNotFoundError):
                continue
        return None

    def done(self) -> None:
        os.rename(f"{self.folder}/pending/{self.name}", f"{self.folder}/complete/{self.name}")
        self.lock.release()


PEERS: dict[str, Callable] = {
    "dirq QueueSimple": Dirq,
    "huey SQLite": HueySqlite,
    "huey file": HueyFile,
    "persist-queue file": PersistFile,
    "persist-queue SQLite ack": PersistAck,
    "litequeue": Lite,
    "filelock per task": LockPerTask,
}


def measured(make: Callable, folder: str, depth: int, seconds: float) -> Iterator[tuple[str, float]]:
    queue, started, filled = make(folder), time.monotonic(), 0
    while filled < depth and time.monotonic() - started < FILL_S:
        queue.put()
        filled += 1
    yield "depth", filled
    yield "puts_per_s", filled / (time.monotonic() - started)
    started, done = time.monotonic(), 0
    while time.monotonic() - started < seconds and done < filled - 1 and queue.take() is not None:
        queue.done()
        done += 1
    yield "rate", done / (time.monotonic() - started)


def after_a_kill(make: Callable, folder: str) -> str:
    """What becomes of the only task when the process that took it is killed."""
    make(folder).put()
    pid = os.fork()
    if pid == 0:
        try:
            make(folder).take()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    try:
        if make(folder).take() is not None:
            return "kept"
    except Exception as error:  # each of them says "empty" in its own way
        if "mpty" not in type(error).__name__:
            return f"error {type(error).__name__}"
    return "held" if make(folder).left() else "lost"


def main() -> None:
    folder, depth, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    for name, make in PEERS.items():
        place = f"{folder}/{name.replace(' ', '-')}"
        try:
            found = {"name": name, **dict(measured(make, place, depth, seconds))}
            found["killed"] = after_a_kill(make, f"{place}-kill")
        except Exception as error:
            found = {"name": name, "error": repr(error)}
        print(json.dumps(found), flush=True)
        for path in (place, f"{place}-kill"):
            shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
