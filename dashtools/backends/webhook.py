"""One outgoing HTTP POST, signed; where it goes is never logged further than its host."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from dashtools.errors import TryLater

TIMEOUT_S = 15.0
SIGNATURE, STAMP, ALERT = "X-Dashtools-Signature", "X-Dashtools-Timestamp", "X-Dashtools-Alert"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry plates to where nobody configured them to go."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Webhook:
    """A receiver of alerts over HTTP; it has taken an alert when it answers 2xx."""

    name = "webhook"

    def __init__(self, url: str, key: bytes | None, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url, self._key, self._timeout_s = url, key, timeout_s
        self._opener = urllib.request.build_opener(_NoRedirects())

    def send(self, alert_id: str, body: bytes, crop: tuple[str, bytes] | None = None) -> str:
        """Posts JSON; what the receiver answered. TryLater when it did not take it."""
        headers = {"Content-Type": "application/json", ALERT: alert_id, "Idempotency-Key": alert_id}
        if self._key is not None:
            stamp = str(int(time.time()))
            headers |= {STAMP: stamp, SIGNATURE: signature(self._key, stamp, body)}
        request = urllib.request.Request(self._url, body, headers, method="POST")
        host = urlsplit(self._url).hostname
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                return f"{answer.status}"
        except urllib.error.HTTPError as error:
            error.close()
            raise TryLater(f"the webhook at {host} answered {error.code}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise TryLater(f"the webhook at {host} cannot be reached: {type(reason).__name__}") from None


def signature(key: bytes, stamp: str, body: bytes) -> str:
    """What the receiver recomputes: HMAC-SHA256 over the time stamp, a dot and the body.

    >>> signature(b"key", "1700000000", b"{}")[:20]
    'sha256=9d713ed406bb7'
    """
    return "sha256=" + hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
