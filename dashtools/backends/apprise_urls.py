"""Alerts to whatever Apprise knows: phones, mail, chats."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from dashtools.errors import BackendUnavailable, BadConfig, TryLater


class AppriseUrls:
    """Receivers by Apprise's URLs; they have taken an alert when each of them says so."""

    name = "apprise"

    def __init__(self, urls: Sequence[str]) -> None:
        try:
            import apprise
        except ImportError as error:
            raise BackendUnavailable("apprise_urls are set and apprise is not installed: the extra is `notify`") from (
                error
            )
        logging.getLogger("apprise").disabled = True  # it logs URLs, which are secrets
        self._apprise = apprise.Apprise()
        for number, url in enumerate(urls, 1):
            if not self._apprise.add(url):
                raise BadConfig(f"apprise_urls: the {number}. of them is no URL that Apprise knows")

    def send(self, alert_id: str, body: bytes, crop: tuple[str, bytes] | None = None) -> str:
        """Notifies all of them; TryLater when one did not take it (the others may then get it again)."""
        told = orjson.loads(body)
        lines = [f"{told['plate']} ({told['reason']})", f"{told['seen_at'] or 'at an unknown time'}"]
        if told["latitude"] is not None:
            lines.append(f"{told['latitude']:.5f}, {told['longitude']:.5f}")
        lines += [told["link"]] if told["link"] else []
        with _attachment(crop) as path:
            is_taken = self._apprise.notify(
                title=f"Watched plate {told['listed']}", body="\n".join(lines), attach=str(path) if path else None
            )
        if not is_taken:
            raise TryLater("one of the receivers behind Apprise did not take the alert")
        return "notified"


@contextlib.contextmanager
def _attachment(crop: tuple[str, bytes] | None) -> Iterator[Path | None]:
    if crop is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"plate.{crop[0].rpartition('/')[2].replace('jpeg', 'jpg')}"
        path.write_bytes(crop[1])
        yield path
