"""Finds new clips under a folder and publishes an INGEST_VIDEO task for each that is no longer being written."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dashtools.devices.seen import Seen, SeenLedger
from dashtools.errors import TryLater
from dashtools.files import sha256_of
from dashtools.model import FileRef, Task
from dashtools.spool.task import root_id

SUFFIXES = {".mp4", ".mov", ".ts", ".m4v"}
SETTLE_S = 10.0
SAVE_EVERY = 20
ID_STEM_MAX = 40


@dataclass(frozen=True)
class Clip:
    """A clip as one look at its folder found it; `path` is relative to the root."""

    path: str
    size_bytes: int
    mtime_ns: int


@dataclass
class Intake:
    """What one pass did."""

    published: list[Path] = field(default_factory=list)
    unchanged: int = 0
    known: int = 0
    """Files whose content was published before, under this or another name."""
    unsettled: list[str] = field(default_factory=list)
    """Still being written: the next pass takes them."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """(path, reason) of what could not be read."""


def find_clips(root: Path, problems: list[tuple[str, str]] | None = None) -> Iterator[Clip]:
    """Every clip below a folder, in the order of its path, by names and sizes alone: no file is opened.

    Hidden names, AppleDouble halves (`._x.mp4`) and parts of a running copy are none. Unreadable folders and
    files that vanish go into `problems`. TryLater when the root itself is missing.
    """
    said = [] if problems is None else problems
    if not root.is_dir():
        raise TryLater(f"{root} is not there; is the share mounted?")
    for folder, folders, names in os.walk(root, onerror=lambda error: said.append(_told(root, error))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not is_clip_name(name):
                continue
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            if not relative.isprintable():  # undecodable names too: their bytes do not fit into JSON
                said.append((ascii(relative), "its name holds characters that no task can carry; rename it"))
                continue
            try:
                found = path.stat()
            except OSError as error:
                said.append((relative, os.strerror(error.errno or 0)))
                continue
            if not stat.S_ISREG(found.st_mode):  # reading a pipe would wait for its writer
                said.append((relative, "it is a pipe or a device, and no file"))
                continue
            yield Clip(relative, found.st_size, found.st_mtime_ns)


def is_clip_name(name: str) -> bool:
    """Is a file of this name a clip?

    >>> is_clip_name("A.MP4"), is_clip_name("._A.MP4"), is_clip_name("A.mp4.part"), is_clip_name("A.part.mp4")
    (True, False, False, False)
    """
    stem, suffix = os.path.splitext(name.lower())
    return suffix in SUFFIXES and not name.startswith(".") and not stem.endswith(".part")


def intake(
    root: Path,
    storage_name: str,
    ledger: SeenLedger,
    publish: Callable[[Task], Path | None],
    *,
    settle_s: float = SETTLE_S,
    clock: Callable[[], float] = time.time,
    wait: Callable[[float], None] = time.sleep,
    progress: Callable[[float, str], None] = lambda share, what: None,
    priority_of: Callable[[str], int] = lambda path: 5,
    is_whole: Callable[[Path], bool] = lambda path: True,
) -> Intake:
    """What one pass over a folder did; `publish` gives the task's path, or None when it was known already.

    A clip is taken when it has not changed for `settle_s`, or between two looks that far apart. One that is not
    `is_whole` is looked at twice whatever its date says: servers' clocks are off, and copies keep dates. When it
    stands still it is taken too, for its task to say what is wrong. One bad file never stops the rest.
    """
    done = Intake()
    new: list[Clip] = []
    for clip in find_clips(root, done.problems):
        if ledger.holds(f"{storage_name}:{clip.path}", clip.size_bytes, clip.mtime_ns):
            done.unchanged += 1
        else:
            new.append(clip)
    if not (done.unchanged or new) and ledger.knows(f"{storage_name}:") and not any(root.iterdir()):
        raise TryLater(f"{root} is empty and clips were there before; is the share mounted?")
    settled = _settled(root, new, done, settle_s, clock, wait, is_whole)
    for number, clip in enumerate(settled):
        progress(number / len(settled), clip.path)
        sha256 = _digest(root, clip, done)
        if sha256 is None:
            continue
        task = root_task(storage_name, clip, sha256, priority_of(clip.path))
        published = publish(task)
        if published is None:
            done.known += 1
        else:
            done.published.append(published)
        # only now: after a crash in between, the clip is read again and found to be known
        ledger.entries[f"{storage_name}:{clip.path}"] = Seen(clip.size_bytes, clip.mtime_ns, sha256, task.video_id)
        if number % SAVE_EVERY == SAVE_EVERY - 1:
            ledger.save()
    if settled:
        ledger.save()
        progress(1.0, "")
    return done


def _settled(
    root: Path,
    new: list[Clip],
    done: Intake,
    settle_s: float,
    clock: Callable[[], float],
    wait: Callable[[float], None],
    is_whole: Callable[[Path], bool],
) -> list[Clip]:
    """The clips that stand still: old and whole ones at once, the others after a second look."""
    now = clock()
    young = {clip.path for clip in new if now - clip.mtime_ns / 1e9 < settle_s or not is_whole(root / clip.path)}
    if young:
        wait(settle_s)
    settled = []
    for clip in new:
        if clip.path not in young or _same(root, clip):
            settled.append(clip)
        else:
            done.unsettled.append(clip.path)
    return settled


def _same(root: Path, clip: Clip) -> bool:
    try:
        now = (root / clip.path).stat()
    except OSError:
        return True  # taking it says what is wrong
    return (now.st_size, now.st_mtime_ns) == (clip.size_bytes, clip.mtime_ns)


def _digest(root: Path, clip: Clip, done: Intake) -> str | None:
    """The content's SHA-256; None when it cannot be read, or changed meanwhile, which `done` then tells."""
    try:
        sha256 = sha256_of(root / clip.path)
    except OSError as error:
        done.problems.append((clip.path, os.strerror(error.errno or 0)))
        return None
    if not _same(root, clip):
        done.unsettled.append(clip.path)
        return None
    return sha256


def root_task(storage_name: str, clip: Clip, sha256: str, priority: int) -> Task:
    """The task that starts a clip's way through the house; its id comes from the content alone."""
    name = PurePosixPath(clip.path).name
    return Task(
        root_id(sha256),
        "INGEST_VIDEO",
        video_id_of(name, sha256),
        priority=priority,
        inputs=(FileRef(storage_name, clip.path, "video", sha256=sha256, size_bytes=clip.size_bytes),),
        metadata={"clip": name, "mtime_ns": clip.mtime_ns},
    )


def video_id_of(name: str, sha256: str) -> str:
    """A name for people and files: the clip's stem, tidied, and the start of its digest.

    >>> video_id_of("My drive (1).MP4", "0123456789abcdef")
    'My-drive-1-01234567'
    """
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePosixPath(name).stem)[:ID_STEM_MAX].strip("-") or "clip"
    return f"{stem}-{sha256[:8]}"


def _told(root: Path, error: OSError) -> tuple[str, str]:
    folder = Path(os.fsdecode(error.filename or root))
    with contextlib.suppress(ValueError):
        folder = folder.relative_to(root)
    return str(folder), os.strerror(error.errno or 0)
