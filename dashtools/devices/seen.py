"""Remembers which clips this host has already taken in, so that an unchanged one is never opened again."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from dashtools.files import write_whole


@dataclass(frozen=True)
class Seen:
    """A clip as it was when it was taken in."""

    size_bytes: int
    mtime_ns: int
    sha256: str
    video_id: str


@dataclass
class SeenLedger:
    """A cache on local disk, of one spool: losing it costs a second reading of the clips and nothing else.

    Not promised: safety against two intakes at once; the spool itself publishes each clip only once.
    """

    path: Path
    spool_uuid: str = ""
    entries: dict[str, Seen] = field(default_factory=dict)

    @staticmethod
    def load(path: Path, spool_uuid: str = "") -> SeenLedger:
        """The ledger in a file; empty when the file is absent, damaged, or speaks of another spool."""
        ledger = SeenLedger(path, spool_uuid)
        try:
            content = orjson.loads(path.read_bytes())
            if content["spool"] == spool_uuid:
                ledger.entries = {key: Seen(**entry) for key, entry in content["clips"].items()}
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            ledger.entries = {}
        return ledger

    def holds(self, key: str, size_bytes: int, mtime_ns: int) -> bool:
        """Was this very version of the clip taken in before?"""
        seen = self.entries.get(key)
        return seen is not None and (seen.size_bytes, seen.mtime_ns) == (size_bytes, mtime_ns)

    def knows(self, prefix: str) -> bool:
        """Was any clip whose key begins so taken in before?"""
        return any(key.startswith(prefix) for key in self.entries)

    def save(self) -> None:
        """Writes the file whole; OutputRefused when the disk says no."""
        clips = {key: asdict(entry) for key, entry in sorted(self.entries.items())}
        write_whole(self.path, orjson.dumps({"spool": self.spool_uuid, "clips": clips}, option=orjson.OPT_INDENT_2))
