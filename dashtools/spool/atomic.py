"""The spool's only doorway to the file system: whole files, single renames, fresh listings.

Every path is relative to the spool's root, which is held open: a share that is unmounted under us gives an error, never
an empty local folder. Listings are how names are discovered; a name that is expected to appear is never probed, because
NFS remembers its absence for 30 s and more.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sys
import weakref
from pathlib import Path

from dashtools.errors import DashtoolsError, OutputRefused, TaskSystemError, TryLater

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
SHORT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EDEADLK, errno.ENOLCK}
LINKS_MISSING = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
LOST_REPLY = AWAY | {errno.ENOENT}


class translated:
    """Turns errno into our closed list; absent and present files stay FileNotFoundError and FileExistsError."""

    def __init__(self, root: Path, path: str = "") -> None:
        self._root, self._path = root, path

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, (FileNotFoundError, FileExistsError)):
            raise _in_our_words(self._root / self._path, error) from error


def _in_our_words(path: object, error: OSError) -> DashtoolsError:
    says = f"{path}: {error.strerror}"
    if error.errno in REFUSED:
        return OutputRefused(f"{says}; free space or mend permissions, work resumes by itself")
    if error.errno in AWAY:
        return TryLater(f"{says}; is the share mounted and reachable? work resumes by itself")
    if error.errno in SHORT:
        return TryLater(f"{says}; this host or the server is short of something, it is tried again")
    if error.errno == errno.EXDEV:
        return TaskSystemError(f"{says}; all of a spool must lie on one file system: remove the mount inside it")
    return TaskSystemError(f"{says}; a spool needs ordinary files and folders, dc-doctor share tells what is missing")


class Files:
    """File operations below one root; every method is one step that either happened or did not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with translated(root):
            self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._release = weakref.finalize(self, os.close, self._fd)

    def close(self) -> None:
        """Lets the root go; also happens by itself when nobody holds these files any more."""
        self._release()

    def names(self, folder: str) -> list[str]:
        """Names in a folder, unsorted; none when the folder is absent.

        Fresh as a rule. But a busy NFS client may keep a listing that was overtaken by a rename, and a name that is
        replaced while a folder is read may be missed: a name that is not there proves nothing. Only what is seen counts
        where something is going to be thrown away.
        """
        with translated(self.root, folder):
            for last in (False, False, True):
                try:
                    return self._list(folder)
                except (FileNotFoundError, NotADirectoryError):
                    return []
                except OSError as error:
                    if error.errno != errno.ESTALE or last:
                        raise  # else a bucket that was removed and made again: the second look finds the new one
            raise AssertionError

    def _list(self, folder: str) -> list[str]:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
        try:
            return [name for name in os.listdir(fd) if not name.startswith(".nfs")]  # removed, but open on this host
        finally:
            os.close(fd)

    def read(self, path: str) -> bytes:
        """A file's bytes."""
        with translated(self.root, path):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._fd)
            try:
                parts = []
                while part := os.read(fd, 1 << 20):
                    parts.append(part)
                return b"".join(parts)
            finally:
                os.close(fd)

    def mtime_ns(self, path: str) -> int:
        """A file's or folder's modification time in server time, by open and fstat (never a cached stat)."""
        with translated(self.root, path):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._fd)
            try:
                return os.fstat(fd).st_mtime_ns
            finally:
                os.close(fd)

    def ctime_ns(self, path: str) -> int:
        """When a file last changed its name or content, in server time: for a claim, when it was claimed."""
        with translated(self.root, path):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._fd)
            try:
                return os.fstat(fd).st_ctime_ns
            finally:
                os.close(fd)

    def now_ns(self, probe: str) -> int:
        """The file server's clock: the time it gives a new file."""
        with translated(self.root, probe):
            fd = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=self._fd)
            try:
                return os.fstat(fd).st_mtime_ns
            finally:
                os.close(fd)
                self.unlink(probe)

    def is_lock_free(self, path: str) -> bool | None:
        """Could the lock on a file be taken? None when there is no such file; it is never made."""
        with translated(self.root, path):
            try:
                fd = os.open(path, os.O_RDWR | os.O_CLOEXEC, dir_fd=self._fd)
            except FileNotFoundError:
                return None
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except OSError:
                return False
            finally:
                os.close(fd)

    def write(self, path: str, content: bytes) -> None:
        """A new file with this content, on disk when this returns; a failed write leaves nothing.

        Killed in between it leaves a torn file: what others read must be written in tmp/ and renamed, or be staged.
        """
        with translated(self.root, path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            try:
                fd = os.open(path, flags, 0o644, dir_fd=self._fd)
            except FileNotFoundError:
                self.mkdirs(os.path.dirname(path))
                fd = os.open(path, flags, 0o644, dir_fd=self._fd)
            try:
                self._fill(fd, content)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(path, dir_fd=self._fd)
                raise

    @staticmethod
    def _fill(fd: int, content: bytes) -> None:
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.close(fd)
            raise
        os.close(fd)  # says EDQUOT or EIO on NFS: no success without it

    def rename(self, source: str, target: str) -> None:
        """Moves a file; FileNotFoundError when the source is gone and the target did not appear.

        After ENOENT the source is listed: still there means that the target's folder is missing (a reaper took the
        empty bucket), gone means that someone else moved it, or that our own reply was lost and the target is there.
        """
        with translated(self.root, target):
            for _ in range(8):
                try:
                    os.rename(source, target, src_dir_fd=self._fd, dst_dir_fd=self._fd)
                    return
                except OSError as error:
                    if error.errno not in LOST_REPLY:
                        raise
                    here = self.names(os.path.dirname(source))
                    if os.path.basename(source) in here:
                        if error.errno != errno.ENOENT:
                            raise
                        self.mkdirs(os.path.dirname(target))
                        continue
                    is_same = os.path.dirname(source) == os.path.dirname(target)  # a claim: one look tells both
                    if os.path.basename(target) in (here if is_same else self.names(os.path.dirname(target))):
                        return
                    raise FileNotFoundError(errno.ENOENT, "moved by someone else", source) from error
            raise TryLater(f"{self.root / target}: its folder vanishes again and again")

    def link(self, source: str, target: str) -> bool:
        """True for the one caller who made `target`, whose content is that of `source` and whole at once.

        An answer "it exists" may be our own success whose reply was lost: the content tells, so it must name its
        writer. Where the file system has no links, a folder that holds the content is renamed: a folder never
        replaces a folder that holds something. FileNotFoundError when the source is gone.
        """
        with translated(self.root, target):
            for _ in range(2):
                try:
                    os.link(source, target, src_dir_fd=self._fd, dst_dir_fd=self._fd)
                    return True
                except FileExistsError:
                    return self.linked(target) == self.read(source)
                except FileNotFoundError:
                    self.mkdirs(os.path.dirname(target))
                except OSError as error:
                    if error.errno not in LINKS_MISSING:
                        raise
                    break
            return self._link_by_folder(source, target)

    def _link_by_folder(self, source: str, target: str) -> bool:
        folder = f"{source}~link"
        content = self.read(source)
        for name in self.names(folder):
            self.unlink(f"{folder}/{name}")
        self.write(f"{folder}/content", content)
        self.mkdirs(os.path.dirname(target))
        try:
            os.rename(folder, target, src_dir_fd=self._fd, dst_dir_fd=self._fd)
            return True
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, *LOST_REPLY):
                raise
            if os.path.basename(target) not in self.names(os.path.dirname(target)):
                raise
        is_ours = self.linked(target) == content
        self.unlink(f"{folder}/content")
        self.rmdir(folder)
        return is_ours

    def linked(self, target: str) -> bytes | None:
        """The content that `link` gave a name; None when nobody made it, TryLater when this host cannot see it yet.

        The listing decides: `link` itself looks its target up, and CIFS and NFS remember for a while that it was not
        there.
        """
        for path in (target, f"{target}/content"):  # a folder, where links are missing
            with contextlib.suppress(FileNotFoundError, TaskSystemError):
                return self.read(path)
        if os.path.basename(target) not in self.names(os.path.dirname(target)):
            return None
        raise TryLater(f"{self.root / target} is listed but cannot be opened yet; mount with lookupcache=positive")

    def mkdir(self, folder: str) -> bool:
        """Makes a folder; False when it is there already."""
        with translated(self.root, folder):
            try:
                os.mkdir(folder, dir_fd=self._fd)
            except FileExistsError:
                return False
            except FileNotFoundError:
                self.mkdirs(folder)
            return True

    def mkdirs(self, folder: str) -> None:
        """A folder and its parents below the root."""
        with translated(self.root, folder):
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

    def unlink(self, path: str) -> bool:
        """Removes a file that may already be gone; True when this call did it, as far as its reply tells."""
        with translated(self.root, path):
            try:
                os.unlink(path, dir_fd=self._fd)
            except FileNotFoundError:
                return False
            return True

    def free_bytes(self) -> int:
        """Room that this user may fill; endless where the file system does not say."""
        with translated(self.root):
            found = os.fstatvfs(self._fd)
        return found.f_bavail * found.f_frsize if found.f_blocks else sys.maxsize

    def remove(self, path: str) -> None:
        """Removes a file, or a folder that holds files only."""
        try:
            self.unlink(path)
        except (TaskSystemError, OutputRefused):  # EISDIR, EPERM: a folder
            for name in self.names(path):
                self.unlink(f"{path}/{name}")
            self.rmdir(path)

    def sync_folder(self, folder: str) -> None:
        """Makes renames into a folder survive a power cut (a no-op on most network file systems)."""
        with translated(self.root, folder):
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
