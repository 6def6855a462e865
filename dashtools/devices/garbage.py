"""Output folders of attempts as they lie on a storage, whoever made them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_ATTEMPT = re.compile(r"([A-Za-z0-9_-]{1,64})\.a(\d+)\Z")


def dead_attempts(root: Path, folder: str) -> Iterator[tuple[str, str, int, float, int]]:
    """(path, task id, attempt, time of its newest entry, bytes) of each folder <folder>/<video>/<task>.aNN."""
    for video in _folders(root / folder):
        for path in _folders(Path(video)):
            match = _ATTEMPT.match(os.path.basename(path))
            if match is None:
                continue
            newest_s, size = extent(path)
            yield os.path.relpath(path, root), match[1], int(match[2]), newest_s, size


def _folders(parent: Path) -> list[str]:
    """Real folders in a folder: a symbolic link is none."""
    try:
        with os.scandir(parent) as entries:
            return sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def extent(path: str | Path) -> tuple[float, int]:
    """The time of the newest entry in a folder, and the bytes of its files."""
    newest_s, size = os.stat(path).st_mtime, 0
    for folder, _, names in os.walk(path):
        for name in names:
            found = os.lstat(os.path.join(folder, name))
            newest_s, size = max(newest_s, found.st_mtime), size + found.st_size
        newest_s = max(newest_s, os.stat(folder).st_mtime)
    return newest_s, size
