"""Questions to a share that may hang: a dead server holds up one thread and no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from dashtools.errors import DashtoolsError


class Probe:
    """Asks something that may hang (a dead share) from one thread at most."""

    def __init__(self) -> None:
        self._running: asyncio.Future[Any] | None = None

    async def ask(self, look: Callable[[], Any], within_s: float) -> Any:
        """What `look` gives; None when it raises one of our errors or does not come back in time."""
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(asyncio.to_thread(look))
        try:
            return await asyncio.wait_for(asyncio.shield(self._running), within_s)
        except (asyncio.TimeoutError, DashtoolsError, OSError):
            return None
