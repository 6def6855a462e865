"""An evidence folder while it grows: each file is noted with its digest as it lies on the disk."""

from __future__ import annotations

import importlib.resources
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from dashtools.errors import BadInput
from dashtools.files import sha256_of
from dashtools.model import Json

VERIFY = "evidence_verify.py.txt"


@dataclass
class EvidenceFolder:
    """The files of the folder, by their paths in it."""

    root: Path
    files: list[Json] = field(default_factory=list)

    def write(self, path: str, kind: str, content: bytes) -> None:
        """A file of this content."""
        self.place(path).write_bytes(content)
        self.note(path, kind)

    def copy(self, source: Path, path: str, kind: str, recorded: Json | None = None) -> str:
        """A copy; its SHA-256. `recorded` says which record names these bytes."""
        shutil.copyfile(source, self.place(path))
        return self.note(path, kind, recorded)

    def note(self, path: str, kind: str, recorded: Json | None = None) -> str:
        """Takes in a file that was written here; its SHA-256."""
        target = self.root / path
        with open(target, "rb") as stream:
            os.fsync(stream.fileno())
        entry = {"path": path, "type": kind, "sha256": sha256_of(target), "size_bytes": target.stat().st_size}
        self.files.append({**entry, **({"recorded": recorded} if recorded else {})})
        return str(entry["sha256"])

    def place(self, path: str) -> Path:
        """Where a new file is to be written; BadInput when there is one."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise BadInput(f"two files of this clip would be {path}")
        return target


def verify_text() -> str:
    """The standalone check, as it is put into the folder."""
    return importlib.resources.files("dashtools").joinpath("data").joinpath(VERIFY).read_text()


def verify_module() -> ModuleType:
    """The same as a module: what it reads is written by its own words."""
    module = ModuleType("verify")
    exec(compile(verify_text(), VERIFY, "exec"), module.__dict__)
    return module
