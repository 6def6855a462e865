"""A Datasette over one index, and the server that runs it until a signal comes."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from datasette.app import Datasette
from datasette.plugins import pm

from dashtools.web import formats, plugin
from dashtools.web.api_settings import ApiSettings
from dashtools.web.attempts import Attempts
from dashtools.web.audit import AuditLog
from dashtools.web.basemap import Tiles, tiles_of
from dashtools.web.connections import Connection
from dashtools.web.database import IndexDatabase
from dashtools.web.passwords import Password
from dashtools.web.sessions import Sessions
from dashtools.web.storage_page import Report
from dashtools.web.tokens import Tokens

HERE = Path(__file__).resolve().parent
DATABASE = "dash"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class WebSettings:
    """What the pages need of this host. `roots` maps storage names to local folders (None: not mounted here)."""

    db: Path
    roots: Mapping[str, Path | None] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 5000
    api: ApiSettings | None = None
    tokens: Tokens | None = None
    password: Password | None = None
    sessions: Sessions | None = None
    audit: AuditLog | None = None
    tiles: Tiles | None = field(default_factory=lambda: tiles_of(None, None))
    """What lies under the maps; None: nothing but lines and points."""
    retention: Callable[[], Report] | None = None
    """What may be removed now and what was; reads every record."""
    attempts: Attempts = field(default_factory=Attempts)
    one_at_a_time: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """Held while a password is looked at: each look takes 32 MiB and a tenth of a second."""

    @property
    def is_loopback(self) -> bool:
        return self.host == "localhost" or self.host == "::1" or self.host.startswith("127.")


class _Datasette(Datasette):
    """Carries our settings as an attribute: Datasette shows its metadata to visitors, and roots are local paths.

    It is there before the constructor runs, because that asks the plugin for its routes.
    """

    def __init__(self, ours: WebSettings, **options: Any) -> None:
        self.dashtools = ours
        super().__init__(**options)


def make_datasette(settings: WebSettings) -> Datasette:
    """A Datasette with our pages over the index, which must exist; nothing is served yet."""
    printing = importlib.import_module("datasette.handle_exception")  # only now: its hooks need Datasette's plugins
    printing.rich = None  # type: ignore[attr-defined]  # where it is installed, every error's values would be printed
    if not pm.is_registered(plugin):
        pm.register(plugin, name="dashtools")
    if pm.has_plugin("basemap"):
        pm.unregister(name="basemap")  # we read its tiles ourselves; as a database it would be one more to guard
    datasette = _Datasette(
        settings,
        metadata={"title": "dashtools", "databases": {DATABASE: {"tables": _table_notes()}}},
        template_dir=str(HERE / "templates"),
        static_mounts=[("dash-static", str(HERE / "static"))],
        settings={
            "default_cache_ttl": 0,
            "num_sql_threads": 4,
            "sql_time_limit_ms": 2000,
            "suggest_facets": False,
            "truncate_cells_html": 100,
        },
        memory=False,
    )
    datasette.remove_database("_memory")
    datasette.add_database(IndexDatabase(datasette, str(settings.db)), name=DATABASE)
    formats.install(datasette.jinja_env)
    return datasette


def _table_notes() -> dict[str, dict[str, object]]:
    return {
        "sightings": {"sort_desc": "seen_at", "facets": ["clip"], "label_column": "plate"},
        "plates": {"sort_desc": "last_seen", "fts_table": "plates_trigram", "fts_pk": "plate_no"},
        "videos": {"sort_desc": "recorded_at"},
        "trips": {"sort_desc": "started_at"},
        "leaves": {"hidden": True},
        "meta": {"hidden": True},
    }


def serve_until_signal(settings: WebSettings, announce: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM; `announce` gets the URL once the server listens."""
    datasette = make_datasette(settings)
    asyncio.run(_serve(datasette, settings, announce))


async def _serve(datasette: Datasette, settings: WebSettings, announce: Callable[[str], None]) -> None:
    await datasette.invoke_startup()
    await Server(config_of(datasette, settings), announce).serve()


def config_of(datasette: Datasette, settings: WebSettings) -> uvicorn.Config:
    """How uvicorn is to serve it."""
    return uvicorn.Config(
        datasette.app(),
        host=settings.host,
        port=settings.port,
        http=Connection,
        ws="none",
        log_level="warning",
        access_log=False,  # plates and positions are in URLs: they stay out of logs
        server_header=False,
        timeout_graceful_shutdown=3,
        lifespan="on",
    )


class Server(uvicorn.Server):
    """A server that says when it listens, and for which a signal is a normal end."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[str], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list | None = None) -> None:  # type: ignore[type-arg]
        await super().startup(sockets=sockets)
        if self.should_exit:
            return
        port = self.servers[0].sockets[0].getsockname()[1]
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        self._announce(f"http://{host}:{port}/")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._leave) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, old in before.items():
                signal.signal(number, old)

    def _leave(self, number: int, frame: FrameType | None) -> None:
        self.should_exit = True
