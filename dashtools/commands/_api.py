"""What dc-web gives its server of this host: who may enter, the spool, the configuration, storages to write to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dashtools.commands._run import Session
from dashtools.errors import Usage
from dashtools.model import Json

if TYPE_CHECKING:
    from dashtools.web.api_settings import ApiSettings
    from dashtools.web.passwords import Password
    from dashtools.web.server import WebSettings
    from dashtools.web.sessions import Sessions
    from dashtools.web.tokens import Tokens


def tokens_of(session: Session) -> Tokens:
    """This host's tokens."""
    from dashtools.web.tokens import FILE, Tokens

    return Tokens(session.config.state_dir / FILE)


def password_of(session: Session) -> Password:
    """This host's password."""
    from dashtools.web.passwords import FILE, Password

    return Password(session.config.state_dir / FILE)


def sessions_of(session: Session) -> Sessions:
    """Who is signed in on this host."""
    from dashtools.web.sessions import FILE, Sessions

    return Sessions(session.config.state_dir / FILE)


def web_settings(session: Session, host: str, port: int, db: Path) -> WebSettings:
    """What the server needs of this host; Usage when it would stand open on an address of a network."""
    from dashtools.commands._retention import report
    from dashtools.web.audit import FOLDER, AuditLog
    from dashtools.web.basemap import tiles_of
    from dashtools.web.server import WebSettings

    roots = {name: storage.root for name, storage in session.config.storages.items()}
    tokens, password = tokens_of(session), password_of(session)
    audit = AuditLog(session.config.state_dir / FOLDER)
    maps = session.config.global_settings["map"]
    settings = WebSettings(
        db, roots, host, port, api_settings(session), tokens, password, sessions_of(session), audit,
        tiles=tiles_of(maps["tile_url"], maps["credit"]), retention=lambda: report(session),
    )  # fmt: skip
    if not (settings.is_loopback or tokens.all() or password.is_set()):
        hints = [f"dc-web --spool {session.spool_path} {words}" for words in ("password", "token add NAME")]
        raise Usage(f"{host} is not loopback and nothing guards it: set a password or make a token: {', '.join(hints)}")
    return settings


def api_settings(session: Session) -> ApiSettings:
    """The API's settings; the configuration is read anew at each request."""
    from dashtools.config_store import ConfigManager
    from dashtools.devices.places import HostPlaces
    from dashtools.web.api_settings import ApiSettings, Stale

    manager = ConfigManager(session.spool_path, session.config_option)

    def read() -> tuple[Json, str]:
        while True:
            version = manager.version()
            document = manager.document()
            if manager.version() == version:
                return document, version

    def write(update: Json, expected: str | None) -> bool:
        def refuse_stale() -> None:
            if expected is not None and manager.version() != expected:
                raise Stale

        return manager.update_config(update, first=refuse_stale)

    rules = session.config.global_settings
    return ApiSettings(
        session.spool_path,
        lease_s=float(rules["lease_seconds"]),
        max_failures=int(rules["max_failures"]),
        retry_delay_s=float(rules["task_retry_delay_seconds"]),
        read_config=read,
        write_config=write,
        output_folder=HostPlaces(session.config).output_folder,
    )
