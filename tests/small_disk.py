"""A small file system of its own, and files that fill it."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    """A mounted ext4 of this size in a file, or a tmpfs; the test is skipped where nothing can be mounted."""
    image, mount = folder / f"{mib}.img", folder / f"disk{mib}"
    mount.mkdir()
    image.touch()
    os.truncate(image, mib << 20)
    ways = (
        f"mkfs.ext4 -q -m 0 -O ^has_journal {image} && mount -o loop {image} {mount}",
        f"mount -t tmpfs -o size={mib}m small {mount}",
    )
    if not any(subprocess.run(["sh", "-c", way], capture_output=True).returncode == 0 for way in ways):
        pytest.skip("this machine lets nobody mount a small file system (neither a loop device nor a tmpfs)")
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


def fill(ballast: Path, *, leave_bytes: int = 0) -> None:
    """Takes all room of a file system but so much."""
    with open(ballast, "ab") as file, contextlib.suppress(OSError):
        free = os.statvfs(ballast)
        whole = free.f_bavail * free.f_frsize - leave_bytes
        for size in (whole, 1 << 16, 4096) if not leave_bytes else (whole,):
            _append(file.fileno(), size, is_once=size == whole)


def _append(fd: int, size: int, *, is_once: bool) -> None:
    try:
        while size > 0:
            os.posix_fallocate(fd, os.fstat(fd).st_size, size)
            if is_once:
                return
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
