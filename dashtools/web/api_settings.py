"""What the API needs beyond the index: the spool, the configuration and storages to write to, given by the command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashtools.model import Json
from dashtools.spool.queue import Spool
from dashtools.web.claims import Tidier
from dashtools.web.probe import Probe


class Stale(Exception):
    """The configuration is another than the one that the change was made from."""


@dataclass(frozen=True)
class ApiSettings:
    """The spool and what this host does for clients that cannot mount it."""

    spool: Path
    lease_s: float = 180.0
    max_failures: int = 3
    retry_delay_s: float = 300.0
    read_config: Callable[[], tuple[Json, str]] | None = None
    """The shared configuration, defaults filled in, and the version of the file."""
    write_config: Callable[[Json, str | None], bool] | None = None
    """Lays an update over it; Stale when the version is not the expected one, BadConfig when it is no good."""
    output_folder: Callable[[str], tuple[str, Path, str]] | None = None
    """Storage name, its root, and the folder of a kind below it."""
    tidier: Tidier = field(default_factory=Tidier)
    spool_probe: Probe = field(default_factory=Probe)
    storage_probe: Probe = field(default_factory=Probe)

    @contextmanager
    def opened(self) -> Iterator[Spool]:
        """The spool, opened anew: a share that went away is noticed with the next request."""
        spool = Spool.open(self.spool)
        try:
            yield spool
        finally:
            spool.files.close()


def api_of(datasette: Any) -> ApiSettings | None:
    """The API's settings; None where only pages are served."""
    found: ApiSettings | None = datasette.dashtools.api
    return found
