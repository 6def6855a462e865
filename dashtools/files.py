"""Whole files or nothing: durable writes and digests."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashtools.errors import OutputRefused

_REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG}
_CHUNK_BYTES = 1 << 20


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turns "the disk says no" into OutputRefused with the file's name; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        reason = os.strerror(error.errno or 0)
        raise OutputRefused(f"cannot write {path}: {reason}; make room or allow writing, it will be tried again") from (
            error
        )


def sync_folder(folder: Path) -> None:
    """Makes names in a folder durable; quiet where folders cannot be synced (some network shares)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """The file holds exactly this content, durably, or is as it was before; OutputRefused when full.

    `mode` is taken less the umask, and holds from the first byte on.
    """
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with refusals(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(hidden, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(hidden, path)
        finally:
            hidden.unlink(missing_ok=True)
        sync_folder(path.parent)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
