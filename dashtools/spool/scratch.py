"""Clears what this host's own killed attempts left on the storages.

Each worker notes on its own disk where it is writing. The next one to start finds notes whose lock nobody holds. What
an attempt left may go once it is sure that the attempt was not and cannot be committed.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from dashtools.spool import layout, scan
from dashtools.spool.layout import Entry
from dashtools.spool.queue import Claim, Spool


class Scratch:
    """The notes of this host in its state folder; one process writes one of them."""

    def __init__(self, folder: Path, spool: Spool) -> None:
        self._folder, self._spool = folder, spool
        self._note = folder / f"{spool.me.worker}.json"
        self._lock: FileLock | None = None

    def began(self, claim: Claim, out: Path) -> None:
        """Notes that this process writes into `out` now."""
        if self._lock is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(str(self._note.with_suffix(".lock")), thread_local=False)
            self._lock.acquire(timeout=0)
        self._note.write_bytes(orjson.dumps({"spool": self._spool.uuid, "claim": claim.path, "out": str(out)}))

    def ended(self) -> None:
        """Nothing of this process is left; call when it ends in order."""
        self._note.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.release()
            self._note.with_suffix(".lock").unlink(missing_ok=True)
            self._lock = None

    def clear(self) -> list[Path]:
        """Removes what dead processes of this host left, and their notes; the folders removed."""
        removed = []
        for note in sorted(self._folder.glob("*.json")):
            lock = FileLock(str(note.with_suffix(".lock")), thread_local=False)
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=0)
                out = self._leftover(note)
                if out is not None:
                    shutil.rmtree(out, ignore_errors=True)
                    removed.append(out)
                lock.release()
        return removed

    def _leftover(self, note: Path) -> Path | None:
        """A dead attempt's folder, if it is sure that it can go; its note goes in any case."""
        try:
            value = orjson.loads(note.read_bytes())
            entry = layout.parse(value["claim"])
        except (FileNotFoundError, orjson.JSONDecodeError, KeyError):
            entry = None
        if entry is None or value["spool"] != self._spool.uuid:
            _drop(note)
            return None
        is_dead = self._ended_without_commit(entry)
        _drop(note)
        return Path(value["out"]) if is_dead and Path(value["out"]).is_dir() else None

    def _ended_without_commit(self, entry: Entry) -> bool:
        """Is the claim still there (its process is dead), or was it taken over before a commit?"""
        folder, _, name = entry.path.rpartition("/")
        if name in self._spool.files.names(folder):
            return True
        if any(record.attempt == entry.attempt for record in scan.records_of(self._spool.files, entry.key)):
            return False
        return any(note["attempt"] == entry.attempt for note in self._spool.attempts(entry))


def _drop(note: Path) -> None:
    note.unlink(missing_ok=True)
    note.with_suffix(".lock").unlink(missing_ok=True)
