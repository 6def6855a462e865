"""The index as Datasette reads it: read-only, and never a file that was replaced."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from datasette.database import Database


class IndexDatabase(Database):
    """A database whose file may be exchanged under a running server.

    Datasette keeps one connection per thread for ever; ours is opened anew when a rebuild put another file in
    place, so that a page is always answered from one whole index.
    """

    def __init__(self, datasette: Any, path: str) -> None:
        super().__init__(datasette, path=path, is_mutable=True)
        self._mine = threading.local()

    def connect(self, write: bool = False) -> sqlite3.Connection:
        """A connection that cannot write."""
        if write:
            raise sqlite3.OperationalError("the index is read-only here; it is written by dc-index alone")
        connection = super().connect()
        connection.execute("PRAGMA query_only = 1")
        return connection

    async def execute_fn(self, fn: Callable[[sqlite3.Connection], Any]) -> Any:
        """What `fn` makes of a connection to the present index, in a thread."""
        return await _in_thread(self.ds, lambda: fn(self._present()))

    def _present(self) -> sqlite3.Connection:
        present = os.stat(self.path)
        identity = (present.st_dev, present.st_ino)
        if getattr(self._mine, "identity", None) != identity:
            old = getattr(self._mine, "connection", None)
            self._mine.connection, self._mine.identity = None, None
            if old is not None:
                old.close()
                self._all_file_connections.remove(old)
            connection = self.connect()
            self.ds._prepare_connection(connection, self.name)
            self._mine.connection, self._mine.identity = connection, identity
        return self._mine.connection


async def _in_thread(datasette: Any, work: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(datasette.executor, work)
