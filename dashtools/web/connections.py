"""Connections that cannot be held by doing nothing: bounds on slow heads and bodies, still readers, and numbers.

Uvicorn waits for ever for the rest of a request and for a client that does not read. A video player that is paused is
such a client; it asks for the next range when it goes on, so ending its connection costs it nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 15.0  # from the first byte, or the connection itself, to the end of the head
BODY_GRACE_S, BODY_LEAST_BYTES_S = 30.0, 1024.0  # after the grace a body must come at this rate, over all
READER_S = 300.0
LOOK_EVERY_S = 5.0
MOST_BY_ADDRESS = 64  # a browser opens six to a host; a proxy on this machine is not counted
MOST = 512


class Connection(H11Protocol):
    """Uvicorn's connection with an end to its patience."""

    by_address: Counter[str] = Counter()

    def connection_made(self, transport: Any) -> None:
        """Counts the connection; one too many from an address is closed at once."""
        super().connection_made(transport)
        self._since_s, self._bytes, self._stalled_s = self.loop.time(), 0, None
        self._look: asyncio.TimerHandle | None = self.loop.call_later(LOOK_EVERY_S, self._look_on)
        self._address = "" if self.client is None or _is_this_machine(self.client[0]) else self.client[0]
        self.by_address[self._address] += 1
        if len(self.connections) > MOST or (self._address and self.by_address[self._address] > MOST_BY_ADDRESS):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        self.by_address[self._address] -= 1
        if not self.by_address[self._address]:
            del self.by_address[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Notes what came; a request that begins starts the clock anew."""
        if self._is_waiting_for_head() and not self._bytes:
            self._since_s = self.loop.time()
        self._bytes += len(data)
        super().data_received(data)
        if self.conn.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED):
            self._bytes = 0

    def on_response_complete(self) -> None:
        """The next request's clock starts with its first byte; until then keep-alive has its own."""
        self._since_s, self._bytes = self.loop.time(), 0
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client does not read."""
        self._stalled_s = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._stalled_s = None
        super().resume_writing()

    def _look_on(self) -> None:
        if self.transport.is_closing():
            return
        if self._is_too_slow(self.loop.time()):
            self.transport.abort()
        else:
            self._look = self.loop.call_later(LOOK_EVERY_S, self._look_on)

    def _is_too_slow(self, now_s: float) -> bool:
        if self._stalled_s is not None and now_s - self._stalled_s > READER_S:
            return True
        if self.flow.read_paused:
            self._since_s = max(self._since_s, now_s - BODY_GRACE_S)  # we do not read: that is not the client's fault
            return False
        waited_s = now_s - self._since_s
        if self._is_waiting_for_head():
            return waited_s > HEAD_S and self.timeout_keep_alive_task is None
        if self.conn.their_state is h11.SEND_BODY:
            return waited_s > BODY_GRACE_S and self._bytes < (waited_s - BODY_GRACE_S) * BODY_LEAST_BYTES_S
        return False

    def _is_waiting_for_head(self) -> bool:
        return self.conn.their_state is h11.IDLE


def _is_this_machine(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
