"""The same work by other queues: a script of its own, run by a Python that has them, printing JSON lines.

    python peers.py FOLDER DEPTH SECONDS PROCESSES...

For each: tasks taken and acknowledged per second at a depth, by so many processes, and where every call on a file waits
1 and 5 ms for a server (SQLite makes its calls itself: they cannot be delayed from here); how many were handed out
twice; and what is left of a task whose worker was killed with -9 after it took it: "kept" (another gets it), "held"
(nobody gets it until something is done by hand), "lost".
"""

from __future__ import annotations

import builtins
import io
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator

FILL_S = 20.0
LATENCY_S = 2.0
CALLS = ("open", "rename", "link", "mkdir", "rmdir", "unlink", "remove", "fsync", "listdir", "scandir", "stat")


def content_of(number: int) -> str:
    """A task like ours in size."""
    return json.dumps({"task_id": f"t{number:07d}", "task_type": "BENCH", "video_id": "v", "state": "pending"})


class Dirq:
    """dirq QueueSimple: lock, read, remove; its iterator kept."""

    is_of_files = True

    def __init__(self, folder: str) -> None:
        from dirq.QueueSimple import QueueSimple

        self.queue, self.at = QueueSimple(folder), ""

    def put(self, content: str) -> None:
        self.queue.add(content)

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

    is_of_files = False

    def __init__(self, folder: str) -> None:
        from huey.storage import SqliteStorage

        os.makedirs(folder, exist_ok=True)
        self.store = SqliteStorage("bench", filename=f"{folder}/huey.db", fsync=True)

    def put(self, content: str) -> None:
        self.store.enqueue(content.encode())

    def take(self) -> object:
        return self.store.dequeue()

    def done(self) -> None:
        return

    def left(self) -> int:
        return self.store.queue_size()


class HueyFile(HueySqlite):
    """huey's file storage."""

    is_of_files = True

    def __init__(self, folder: str) -> None:
        from huey.storage import FileStorage

        self.store = FileStorage("bench", path=folder)


class PersistFile:
    """persist-queue's file queue."""

    is_of_files = True

    def __init__(self, folder: str) -> None:
        import persistqueue

        self.queue = persistqueue.Queue(folder, autosave=True)

    def put(self, content: str) -> None:
        self.queue.put(content)

    def take(self) -> object:
        return self.queue.get(block=False)

    def done(self) -> None:
        self.queue.task_done()

    def left(self) -> int:
        return self.queue.qsize()


class PersistAck(PersistFile):
    """persist-queue's SQLite queue with acknowledgement."""

    is_of_files = False

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

    is_of_files = False

    def __init__(self, folder: str) -> None:
        from litequeue import LiteQueue

        os.makedirs(folder, exist_ok=True)
        self.queue, self.item = LiteQueue(f"{folder}/lite.db"), None

    def put(self, content: str) -> None:
        self.queue.put(content)

    def take(self) -> object:
        self.item = self.queue.pop()
        return None if self.item is None else self.item.data

    def done(self) -> None:
        self.queue.done(self.item.message_id)

    def left(self) -> int:
        return self.queue.conn.execute("SELECT count(*) FROM Queue").fetchone()[0]


class LockPerTask:
    """A filelock beside each task's file, the listing kept."""

    is_of_files = True

    def __init__(self, folder: str) -> None:
        os.makedirs(f"{folder}/pending", exist_ok=True)
        os.makedirs(f"{folder}/complete", exist_ok=True)
        self.folder, self.count, self.names, self.lock = folder, 0, [], None

    def put(self, content: str) -> None:
        self.count += 1
        with open(f"{self.folder}/pending/{self.count:07d}.json", "w") as stream:
            stream.write(content)
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
            except Timeout:
                continue
            except FileNotFoundError:
                self.lock.release()
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


def put(make: Callable, folder: str, wanted: int, first: int = 0) -> tuple[int, float]:
    """How many tasks were put in the time there is, and how many a second."""
    queue, started, count = make(folder), time.monotonic(), 0
    while count < wanted and time.monotonic() - started < FILL_S:
        queue.put(content_of(first + count))
        count += 1
    return count, count / max(1e-6, time.monotonic() - started)


def work(make: Callable, folder: str, seconds: float, latency_s: float = 0.0) -> dict:
    """What one process gets done in so many seconds: how many a second, and which."""
    queue, taken, said = make(folder), [], ""
    if latency_s:
        delay(latency_s)
    started = time.monotonic()
    try:
        while time.monotonic() - started < seconds and (item := queue.take()) is not None:
            queue.done()
            taken.append(item.decode() if isinstance(item, bytes) else str(item))
    except Exception as error:  # each of them says "empty" in its own way
        said = "" if "mpty" in type(error).__name__ else repr(error)[:120]
    return {"rate": len(taken) / (time.monotonic() - started), "taken": taken, "error": said}


def together(make: Callable, folder: str, processes: int, seconds: float, latency_s: float = 0.0) -> dict:
    """What several processes get done at once, each with its own view of the queue."""
    pipes = []
    for _ in range(processes):
        reader, writer = os.pipe()
        if os.fork() == 0:
            try:
                found = work(make, folder, seconds, latency_s)
            except Exception as error:
                found = {"rate": 0.0, "taken": [], "error": repr(error)[:120]}
            with os.fdopen(writer, "w") as stream:
                json.dump(found, stream)
            os._exit(0)
        os.close(writer)
        pipes.append(reader)
    results = []
    for reader in pipes:
        with os.fdopen(reader) as stream:
            results.append(json.load(stream))
    for _ in pipes:
        os.wait()
    taken = [item for result in results for item in result["taken"]]
    errors = sorted({result["error"] for result in results} - {""})
    rate = sum(result["rate"] for result in results)
    return {"rate": rate, "done": len(taken), "twice": len(taken) - len(set(taken)), "error": "; ".join(errors)}


def delay(latency_s: float) -> None:
    """From now on every call on a file waits in this process, which must end soon."""
    for where, name in [*((os, name) for name in CALLS), (builtins, "open"), (io, "open")]:
        plain = getattr(where, name)

        def slow(*arguments: object, _plain: Callable = plain, **options: object) -> object:
            time.sleep(latency_s)
            return _plain(*arguments, **options)

        setattr(where, name, slow)


def after_a_kill(make: Callable, folder: str) -> str:
    """What becomes of the only task when the process that took it is killed."""
    make(folder).put(content_of(0))
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


def lines(name: str, make: Callable, place: str, depth: int, seconds: float, processes: list[int]) -> Iterator[dict]:
    """What is said of one queue, as it is measured."""
    count, puts = put(make, place, depth)
    yield {"name": name, "depth": count, "puts_per_s": puts, "killed": after_a_kill(make, f"{place}-kill")}
    made = count
    turns = [{"processes": number, "latency_ms": 0} for number in processes]
    turns += [{"processes": 1, "latency_ms": latency_ms} for latency_ms in (1, 5) if make.is_of_files]
    for turn in turns:
        latency_s = turn["latency_ms"] / 1000
        done = together(make, place, turn["processes"], LATENCY_S if latency_s else seconds, latency_s)
        yield {"name": name, **turn, **done}
        made += put(make, place, done["done"], made)[0]


def main() -> None:
    folder, depth, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    processes = [int(word) for word in sys.argv[4:]] or [1]
    for name, make in PEERS.items():
        place = f"{folder}/{name.replace(' ', '-')}"
        try:
            for line in lines(name, make, place, depth, seconds, processes):
                print(json.dumps(line), flush=True)
        except Exception as error:  # one that several processes have broken
            print(json.dumps({"name": name, "error": repr(error)}), flush=True)
        for path in (place, f"{place}-kill"):
            shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
