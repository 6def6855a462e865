"""The spool's only doorway to the file system: whole files, single renames, fresh listings.

Every path is relative to the spool's root, which is held open: a share that is unmounted under us gives an error, never
an empty local folder. Listings are how names are discovered; a name that is expected to appear is never probed, because
NFS remembers its absence for 30 s and more.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from dashtools.errors import OutputRefused, TryLater

REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.ENAMETOOLONG}
AWAY = {
    errno.ESTALE,
    errno.EIO,
    errno.ETIMEDOUT,
    errno.ENOTCONN,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENXIO,
    errno.ENODEV,
}
LINKS_MISSING = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
LOST_REPLY = AWAY | {errno.ENOENT}


@contextlib.contextmanager
def translated(path: object) -> Iterator[None]:
    """Turns errno into our closed list: full and read-only refuse, a share that is away is tried later."""
    try:
        yield
    except OSError as error:
        if error.errno in REFUSED:
            raise OutputRefused(
                f"{path}: {error.strerror}; free space or mend permissions, work resumes by itself"
            ) from error
        if error.errno in AWAY:
            raise TryLater(f"{path}: {error.strerror}; is the share mounted and reachable?") from error
        raise


class Files:
    """File operations below one root; every method is one step that either happened or did not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with translated(root):
            self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._fd)

    def names(self, folder: str) -> list[str]:
        """Fresh names in a folder, unsorted; none when the folder is absent."""
        with translated(self.root / folder):
            try:
                fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
            except (FileNotFoundError, NotADirectoryError):
                return []
            try:
                return os.listdir(fd)
            finally:
                os.close(fd)

    def read(self, path: str) -> bytes:
        """A file's bytes."""
        with translated(self.root / path):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._fd)
            with os.fdopen(fd, "rb") as stream:
                return stream.read()

    def mtime_ns(self, path: str) -> int:
        """A file's or folder's modification time in server time, by open and fstat (never a cached stat)."""
        with translated(self.root / path):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._fd)
            try:
                return os.fstat(fd).st_mtime_ns
            finally:
                os.close(fd)

    def write(self, path: str, content: bytes) -> None:
        """A new file with this content, on disk when this returns; a failed write leaves nothing."""
        with translated(self.root / path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            try:
                fd = os.open(path, flags, 0o644, dir_fd=self._fd)
            except FileNotFoundError:
                self.mkdirs(os.path.dirname(path))
                fd = os.open(path, flags, 0o644, dir_fd=self._fd)
            try:
                with os.fdopen(fd, "wb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(path, dir_fd=self._fd)
                raise

    def rename(self, source: str, target: str) -> None:
        """Moves a file; FileNotFoundError when the source is gone and the target did not appear.

        After ENOENT the source is listed: still there means that the target's folder is missing (a reaper took the
        empty bucket), gone means that someone else moved it, or that our own reply was lost and the target is there.
        """
        with translated(self.root / target):
            for _ in range(8):
                try:
                    os.rename(source, target, src_dir_fd=self._fd, dst_dir_fd=self._fd)
                    return
                except OSError as error:
                    if error.errno not in LOST_REPLY:
                        raise
                    if os.path.basename(source) in self.names(os.path.dirname(source)):
                        if error.errno != errno.ENOENT:
                            raise
                        self.mkdirs(os.path.dirname(target))
                        continue
                    if os.path.basename(target) in self.names(os.path.dirname(target)):
                        return
                    raise FileNotFoundError(errno.ENOENT, "moved by someone else", source) from error
            raise TryLater(f"{self.root / target}: its folder vanishes again and again")

    def link(self, source: str, target: str) -> bool:
        """True for the one caller who made `target`; the content is whole at once.

        Where the file system has no links, O_EXCL decides and the content follows.
        """
        with translated(self.root / target):
            for _ in range(2):
                try:
                    os.link(source, target, src_dir_fd=self._fd, dst_dir_fd=self._fd)
                    return True
                except FileExistsError:
                    return False
                except FileNotFoundError:
                    self.mkdirs(os.path.dirname(target))
                except OSError as error:
                    if error.errno not in LINKS_MISSING:
                        raise
                    break
            try:
                self.write(target, self.read(source))
                return True
            except FileExistsError:
                return False

    def mkdirs(self, folder: str) -> None:
        """A folder and its parents below the root."""
        with translated(self.root / folder):
            path = ""
            for part in folder.split("/"):
                path = f"{path}/{part}" if path else part
                with contextlib.suppress(FileExistsError):
                    os.mkdir(path, dir_fd=self._fd)

    def rmdir(self, folder: str) -> bool:
        """Removes an empty folder; False when it is not empty or already gone."""
        try:
            os.rmdir(folder, dir_fd=self._fd)
            return True
        except OSError:
            return False

    def unlink(self, path: str) -> None:
        """Removes a file that may already be gone."""
        with translated(self.root / path), contextlib.suppress(FileNotFoundError):
            os.unlink(path, dir_fd=self._fd)

    def sync_folder(self, folder: str) -> None:
        """Makes renames into a folder survive a power cut (a no-op on most network file systems)."""
        with translated(self.root / folder):
            try:
                fd = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
            except FileNotFoundError:
                return  # an empty bucket that a reaper took: nothing in it to keep
            try:
                with contextlib.suppress(OSError):
                    os.fsync(fd)
            finally:
                os.close(fd)

    def replace(self, path: str, content: bytes, scratch: str) -> None:
        """A file's new content, whole at once: written aside as `scratch`, then renamed over."""
        self.unlink(scratch)
        self.write(scratch, content)
        self.rename(scratch, path)
