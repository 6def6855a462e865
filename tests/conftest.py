"""Fixtures that every room may use."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real footage; the test is skipped on a machine without it."""
    folder = Path(os.environ.get("DASHTOOLS_REALDATA", ROOT.parent / "shared" / "data"))
    if not (folder / "MANIFEST.md").is_file():
        pytest.skip(f"no real footage at {folder}")
    return folder


@pytest.fixture(scope="session")
def tiny_drive(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two synthetic clips of 3 s, 640x360, with GPS, a truth file beside each; not to be changed."""
    synth = pytest.importorskip("dashtools.backends.synth", exc_type=ImportError)
    plan = synth.Plan(clip_s=3, clips=2, fps=10, width=640, height=360, seed=7)
    return synth.make_drive(tmp_path_factory.mktemp("drive"), plan)


def _serving() -> Iterator[Callable[[Any], str]]:
    web = pytest.importorskip("dashtools.web.server", exc_type=ImportError)
    running: list[tuple[Any, threading.Thread]] = []

    def start(settings: Any) -> str:
        datasette, ready = web.make_datasette(settings), queue.Queue[str]()
        server = web.Server(web.config_of(datasette, settings), ready.put)

        async def run() -> None:
            await datasette.invoke_startup()
            await server.serve()

        thread = threading.Thread(target=lambda: asyncio.run(run()), name="served", daemon=True)
        thread.start()
        running.append((server, thread))
        return ready.get(timeout=60)

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(timeout=30)


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """A function that serves WebSettings on a free port of loopback and gives the URL."""
    yield from _serving()


@pytest.fixture(scope="session")
def serve_long() -> Iterator[Callable[[Any], str]]:
    """The same until the session ends."""
    yield from _serving()
