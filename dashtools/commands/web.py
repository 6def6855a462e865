"""dc-web: serves the pages over the index until a signal comes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from dashtools.commands._run import Session, common
from dashtools.commands.index import index_path


@click.command()
@common
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free port.")
@click.option("--db", type=click.Path(path_type=Path), metavar="FILE", help="Another place for the index.")
@click.option("--refresh-every", "every_s", default=4.0, show_default=True, metavar="SECONDS", help="0: never.")
def command(session: Session, host: str, port: int, db: Path | None, every_s: float) -> None:
    """Serve search, sightings, trips and the queue; prints the URL once it listens, ends well on Ctrl-C."""
    if importlib.util.find_spec("datasette") is None:
        from dashtools.errors import BackendUnavailable

        raise BackendUnavailable("datasette is not installed; pip install 'dashtools[web]' brings it")
    serve(session, host, port, index_path(session, db), every_s)


def serve(session: Session, host: str, port: int, db: Path, every_s: float) -> None:
    """Refreshes the index, then serves it and keeps it fresh."""
    from dashtools.index.refresh import refresh
    from dashtools.log import LOGGER
    from dashtools.web.refresher import Refresher
    from dashtools.web.server import WebSettings, serve_until_signal

    roots = {name: storage.root for name, storage in session.config.storages.items()}
    settings = WebSettings(db, roots, host, port)
    if not settings.is_loopback:
        LOGGER.warning("plates and positions are served to everyone who can reach %s; there is no password yet", host)
    refresh(session.spool_path, db)
    refresher = Refresher(session.spool_path, db, every_s=every_s)
    if every_s > 0:
        refresher.start()
    try:
        serve_until_signal(settings, lambda url: session.emit("url", url, url=url))
    finally:
        if every_s > 0:
            refresher.stop()
