"""What dc-web gives its API of this host: the spool, the shared configuration, the storages to write to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashtools.commands._run import Session
from dashtools.model import Json

if TYPE_CHECKING:
    from dashtools.web.api_settings import ApiSettings
    from dashtools.web.tokens import Tokens


def tokens_of(session: Session) -> Tokens:
    """This host's tokens."""
    from dashtools.web.tokens import FILE, Tokens

    return Tokens(session.config.state_dir / FILE)


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
