"""A wait that ends early when this host changes something in some folders.

inotify sees local changes only; what another host does on a share is found when the wait runs out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from inotify_simple import INotify, flags

PUBLISHED = flags.MOVED_FROM | flags.DELETE
"""In tmp/ and staging/ of a spool: every publish leaves them by a rename or a removal."""
ARRIVED = flags.CLOSE_WRITE | flags.MOVED_TO | flags.CREATE
"""In a folder of clips: a file was finished, moved in, or a folder was made."""


@contextlib.contextmanager
def notices(folders: Iterable[Path], mask: int) -> Iterator[Callable[[float], None]]:
    """Gives the wait; folders that cannot be watched are simply polled."""
    with INotify() as inotify:
        for folder in folders:
            with contextlib.suppress(OSError):
                inotify.add_watch(str(folder), mask)

        def wait(seconds: float) -> None:
            if inotify.read(timeout=int(seconds * 1000)):
                inotify.read(timeout=0)

        yield wait
