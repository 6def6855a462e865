"""Twenty viewers at once: our media route against a bare ASGI application that sends the same file.

    python tests/benchmarks/web_ranges.py

Each viewer asks for ranges of a 2 GB file as a player does. Rounds of the two take turns; prints megabytes a second
and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

from dashtools.index.views import Media

SIZE_BYTES = 2 << 30
VIEWERS, SPAN_BYTES = 20, 8 << 20
CHUNK_BYTES = 256 * 1024


def bare(path: Path) -> Any:
    """The least that sends a range of a file."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        first, last = (int(n) for n in headers[b"range"].removeprefix(b"bytes=").split(b"-"))
        length = [(b"content-length", str(last - first + 1).encode())]
        await send({"type": "http.response.start", "status": 206, "headers": length})
        with open(path, "rb") as file:
            file.seek(first)
            left = last - first + 1
            while left:
                chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))
                left -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})

    return app


def ours(path: Path) -> Any:
    """Our route's own way from an artifact to its bytes."""
    from dashtools.web import media

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        request = SimpleNamespace(method=scope["method"], headers=headers)
        found = Media("0" * 24, "video_lowres", "nas", path.name, SIZE_BYTES)
        file = await asyncio.to_thread(media.open_confined, found, {"nas": path.parent})
        await media.send_and_close(request, receive, send, file)

    return app


def serve(app: Any, said: Any) -> None:
    import uvicorn

    from dashtools.web.connections import Connection
    from dashtools.web.server import Server

    config = uvicorn.Config(
        app, port=0, http=Connection, ws="none", lifespan="off", log_level="warning", access_log=False
    )
    asyncio.run(Server(config, said.put).serve())


def watch(port: int, seed: int) -> None:
    """One viewer: four ranges, one after the other on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    for number in range(4):
        first = (seed * 37 + number * 101) % 200 * SPAN_BYTES
        connection.request("GET", "/", headers={"range": f"bytes={first}-{first + SPAN_BYTES - 1}"})
        answer = connection.getresponse()
        assert answer.status == 206
        while answer.read(1 << 20):
            pass
    connection.close()


def round_mb_s(port: int) -> float:
    threads = [Thread(target=watch, args=(port, n)) for n in range(VIEWERS)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return VIEWERS * 4 * SPAN_BYTES / 1e6 / (time.monotonic() - started)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--rounds", type=int, default=5)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "clip.mp4"
        with open(path, "wb") as file:
            file.truncate(SIZE_BYTES)
        processes, ports = [], {}
        for kind, app in (("bare", bare(path)), ("ours", ours(path))):
            said = multiprocessing.get_context("fork").Queue()
            process = multiprocessing.get_context("fork").Process(target=serve, args=(app, said))
            process.start()
            processes.append(process)
            ports[kind] = int(said.get(timeout=60).rstrip("/").rpartition(":")[2])
        try:
            found: dict[str, list[float]] = {kind: [] for kind in ports}
            for _ in range(asked.rounds):
                for kind, port in ports.items():
                    found[kind].append(round_mb_s(port))
        finally:
            for process in processes:
                process.kill()
                process.join()
        medians = {kind: statistics.median(values) for kind, values in found.items()}
        share = medians["ours"] / medians["bare"]
        print(f"bare {medians['bare']:.0f} MB/s, ours {medians['ours']:.0f} MB/s: {share:.2f} of it")
        print(f"{VIEWERS} viewers, {asked.rounds} rounds, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
