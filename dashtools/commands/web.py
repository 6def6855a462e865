"""dc-web: serves the pages over the index until a signal comes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from dashtools.commands._api import password_of, sessions_of, tokens_of, web_settings
from dashtools.commands._run import Session, common
from dashtools.commands.index import index_path
from dashtools.errors import BadInput


@click.group(invoke_without_command=True)
@common
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free port.")
@click.option("--db", type=click.Path(path_type=Path), metavar="FILE", help="Another place for the index.")
@click.option("--refresh-every", "every_s", default=4.0, show_default=True, metavar="SECONDS", help="0: never.")
@click.pass_context
def command(context: click.Context, /, session: Session, host: str, port: int, db: Path | None, every_s: float) -> None:
    """Serve search, sightings, trips, the queue and the REST API; prints the URL once it listens.

    On any other address than loopback a password or a token is needed: dc-web password, for people; dc-web token add
    NAME, the bearer of API clients. Once there is one, loopback needs it too.
    """
    if context.invoked_subcommand is not None:
        return
    if importlib.util.find_spec("datasette") is None:
        from dashtools.errors import BackendUnavailable

        raise BackendUnavailable("datasette is not installed; pip install 'dashtools[web]' brings it")
    serve(session, host, port, index_path(session, db), every_s)


def serve(session: Session, host: str, port: int, db: Path, every_s: float) -> None:
    """Refreshes the index, then serves it and keeps it fresh."""
    from dashtools.index.refresh import refresh
    from dashtools.web.refresher import Refresher
    from dashtools.web.server import serve_until_signal

    settings = web_settings(session, host, port, db)
    refresh(session.spool_path, db)
    refresher = Refresher(session.spool_path, db, every_s=every_s)
    if every_s > 0:
        refresher.start()
    try:
        serve_until_signal(settings, lambda url: session.emit("url", url, url=url))
    finally:
        if every_s > 0:
            refresher.stop()


@command.command()
@common
@click.option("--scope", type=click.Choice(("read", "work", "admin")), default="admin", show_default=True)
@click.option("--remove", is_flag=True, help="Take the password away.")
def password(session: Session, scope: str, remove: bool) -> None:
    """Set the password of the pages, asked for or read as one line from stdin; everybody is signed out.

    Its scrypt hash is kept in a file of mode 0600 on this host. read looks; work also publishes and completes tasks;
    admin also changes the configuration, requeues and may write SQL.
    """
    if remove:
        if not password_of(session).remove():
            raise BadInput("there is no password")
    else:
        password_of(session).set(_asked(), scope)
    sessions_of(session).end_all()


def _asked() -> str:
    """The password from a person, twice, or from a pipe."""
    stdin = click.get_text_stream("stdin")
    if stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return stdin.readline().rstrip("\r\n")


@command.group()
def token() -> None:
    """Bearer tokens of this host: add, list, revoke."""


@token.command()
@common
@click.argument("name")
@click.option("--scope", type=click.Choice(("read", "work", "admin")), default="read", show_default=True)
def add(session: Session, name: str, scope: str) -> None:
    """Make a token and print it, this once: only its digest is kept.

    read looks; work also publishes, claims and completes tasks; admin also changes the configuration and requeues.
    """
    text = tokens_of(session).add(name, scope)
    session.emit("token", text, token=text, name=name, scope=scope)


@token.command("list")
@common
def list_(session: Session) -> None:
    """Print the name, scope and age of each token."""
    for known in tokens_of(session).all():
        fields = {"name": known.name, "scope": known.scope, "created_at": known.created_at}
        session.emit("token", f"{known.name}  {known.scope}  {known.created_at}", **fields)


@token.command()
@common
@click.argument("name")
def revoke(session: Session, name: str) -> None:
    """End a token; a running server knows it with the next request."""
    tokens_of(session).revoke(name)
