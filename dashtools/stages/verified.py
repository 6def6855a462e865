"""Files that were written, made durable, read back from the disk and found equal."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from dashtools.errors import ArchivalError
from dashtools.files import refusals, sha256_of, sync_folder
from dashtools.model import Json


@dataclass
class VerifiedFolder:
    """An output folder that remembers the digest of each file as it was written."""

    root: Path
    _entries: dict[str, Json] = field(default_factory=dict)

    def write(self, path: str, kind: str, content: bytes) -> str:
        """Writes a file durably; its SHA-256, taken from the memory it was written from."""
        target = self.root / path
        with refusals(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        return self._note(path, kind, hashlib.sha256(content).hexdigest(), len(content))

    def write_json(self, path: str, kind: str, content: Any) -> str:
        """Writes JSON with sorted keys; its SHA-256."""
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        return self.write(path, kind, orjson.dumps(content, option=options))

    def adopt(self, path: str, kind: str) -> str:
        """Takes in a file that another program wrote here; its SHA-256 as it now is."""
        target = self.root / path
        return self._note(path, kind, sha256_of(target), target.stat().st_size)

    def entries(self) -> list[Json]:
        """[{path, type, sha256, size_bytes}], by path."""
        return [self._entries[path] for path in sorted(self._entries)]

    def read_back(self) -> None:
        """Every file is on the disk and equal to what was written; ArchivalError names the first that is not."""
        for folder in sorted({(self.root / path).parent for path in self._entries} | {self.root}):
            sync_folder(folder)
        for entry in self.entries():
            target = self.root / entry["path"]
            found = "absent"
            if target.is_file():
                _forget(target)
                found = sha256_of(target)
            if found != entry["sha256"]:
                raise ArchivalError(f"{entry['path']} read back as {found}, was written as {entry['sha256']}")

    def _note(self, path: str, kind: str, sha256: str, size_bytes: int) -> str:
        self._entries[path] = {"path": path, "type": kind, "sha256": sha256, "size_bytes": size_bytes}
        return sha256


def _forget(path: Path) -> None:
    """Asks the kernel to drop its copy, so that the next read is the disk's; some filesystems do not care."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
