"""Brings a camera's clips into a folder: each whole and checked under its final name, or not at all.

While it comes, a clip is a hidden `.NAME.part` beside its place, with a note of which version it is of; the next run
goes on from there. Only a part of the right size whose container is whole is renamed.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import time
import urllib.error
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from dashtools.errors import BadInput, OutputRefused, TryLater, UnreadableClip
from dashtools.files import refusals, sha256_of, sync_folder, write_whole
from dashtools.ports import Camera, CameraClip

CLIP_SUFFIXES = (".mp4", ".mov", ".ts", ".m4v")
CHUNK_BYTES = 256 << 10
IDLE_TRIES = 4  # tries in a row that bring nothing new
MAX_TRIES = 200  # of one clip in one run, however little each brings
NOT_THERE = 404
BEYOND_THE_END = 416  # HTTP's answer to a range behind the last byte
WAITS_S = (0.2, 1.0, 3.0)
FAILURES = (OSError, http.client.HTTPException)
Check = Callable[[Path], None]
"""Raises UnreadableClip when a file is no whole clip."""


@dataclass
class Synced:
    """What one run did."""

    taken: list[Path] = field(default_factory=list)
    present: int = 0
    deleted: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    """(path, reason) of clips that did not come; their parts stay for the next run where they can be used."""


@dataclass(frozen=True)
class Wishes:
    """In which order, and what becomes of the camera's own copy."""

    newest_first: bool = False
    locked_first: bool = True
    locked_only: bool = False
    delete_after: bool = False


def ordered(clips: Iterable[CameraClip], wishes: Wishes, is_important: Callable[[str], bool]) -> list[CameraClip]:
    """The clips in the order in which they are to come: locked and event clips first, then by time."""

    def is_locked(clip: CameraClip) -> bool:
        return clip.is_locked or is_important(clip.path)

    wanted = [clip for clip in clips if is_locked(clip) or not wishes.locked_only]
    wanted.sort(key=lambda clip: (clip.taken, clip.path), reverse=wishes.newest_first)
    return sorted(wanted, key=lambda clip: not is_locked(clip)) if wishes.locked_first else wanted


def sync(
    camera: Camera,
    target: Path,
    check: Check,
    wishes: Wishes,
    *,
    is_important: Callable[[str], bool] = lambda path: False,
    wait: Callable[[float], None] = time.sleep,
    progress: Callable[[float, str], None] = lambda share, what: None,
    taken: Callable[[Path], None] = lambda path: None,
) -> Synced:
    """What one run brought; TryLater when the camera goes away, with everything so far kept.

    One bad clip does not stop the rest. A clip that is there in its full size is not asked for again.
    """
    if not target.is_dir():
        raise TryLater(f"{target} is not there; is the share mounted?")
    done = Synced()
    clips = ordered(camera.clips(), wishes, is_important)
    for number, clip in enumerate(clips):
        progress(number / len(clips), clip.path)
        place = _place(target, clip)
        if place is None:
            done.present += 1
            continue
        try:
            _take_logs(camera, clip, target, check, wait)
            _take(camera, clip, place, check, wait)
        except (UnreadableClip, BadInput) as error:
            done.problems.append((clip.path, str(error)))
        except FAILURES as error:
            done.problems.append((clip.path, _reason(error)))
            _still_there(camera, done)
        else:
            done.taken.append(place)
            taken(place)
            if wishes.delete_after:
                _delete(camera, clip, done)
    return done


def _take_logs(camera: Camera, clip: CameraClip, target: Path, check: Check, wait: Callable[[float], None]) -> None:
    """The logs beside a clip, ahead of it: a clip that has its name is not looked at again."""
    for log in camera.beside(clip):
        if (target / log.path).exists():
            continue
        try:
            _take(camera, log, target / log.path, check, wait)
        except urllib.error.HTTPError as error:
            if error.code != NOT_THERE:
                raise


def _still_there(camera: Camera, done: Synced) -> None:
    """Passes when only the clip failed; TryLater when the camera itself is away."""
    try:
        camera.clips()
    except (TryLater, *FAILURES) as error:
        text = f"the camera went away after {len(done.taken)} clips; the next run goes on where this one stopped"
        raise TryLater(text) from error


def _place(target: Path, clip: CameraClip) -> Path | None:
    """The final path of a clip that is still to come; None when it is there.

    A file of the same name and another size is another recording (a card was formatted): both are kept.
    """
    place = target / clip.path
    if not place.exists():
        return place
    if clip.size_bytes is None or place.stat().st_size == clip.size_bytes:
        return None
    other = place.with_name(f"{place.stem}-{clip.size_bytes}{place.suffix}")
    return None if other.exists() else other


def part_of(place: Path) -> Path:
    """The hidden name that a clip has while it comes."""
    return place.with_name(f".{place.name}.part")


def _take(camera: Camera, clip: CameraClip, place: Path, check: Check, wait: Callable[[float], None]) -> None:
    """The clip stands at its place, whole; raises, with the part kept for the next run, when it does not come."""
    with refusals(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    part, before = part_of(place), None
    while True:
        total = _receive(camera, clip, part, wait)
        problem = _problem(part, clip, total, check)
        if problem is None:
            break
        # the same bytes twice, of the size that the camera lists, are what the camera has
        sha256 = sha256_of(part)
        if sha256 == before and clip.size_bytes == part.stat().st_size:
            break
        _forget(part)
        if before is not None:
            raise problem
        before = sha256
    _finish(part, place)


def _receive(camera: Camera, clip: CameraClip, part: Path, wait: Callable[[float], None]) -> int | None:
    """Brings bytes until there are as many as expected; the size that the camera's answers told."""
    idle, total = 0, None
    for _ in range(MAX_TRIES):
        had, error = _size(part), None
        if clip.size_bytes is not None and had == clip.size_bytes and _note(part).get("remote") == clip.remote:
            return total  # whatever the last answer's end was, this is all of it
        try:
            total = _once(camera, clip, part)
            if _is_all(camera, clip, part, total):
                return total
        except OutputRefused:
            raise
        except FAILURES as failure:
            error = failure
            if getattr(failure, "code", None) == NOT_THERE:
                raise
            if getattr(failure, "code", None) == BEYOND_THE_END:
                _forget(part)
        idle = idle + 1 if _size(part) <= had else 0
        if idle >= IDLE_TRIES:
            raise error or OSError(f"only {_size(part)} of {clip.size_bytes or total} bytes come")
        wait(WAITS_S[min(idle, len(WAITS_S) - 1)])
    raise OSError(f"{MAX_TRIES} tries brought {_size(part)} bytes")


def _is_all(camera: Camera, clip: CameraClip, part: Path, total: int | None) -> bool:
    """Are these all bytes? Where the camera lists no size it is asked for more, for its Content-Length may lie."""
    size = _size(part)
    if clip.size_bytes is not None:
        return size >= clip.size_bytes
    if total is not None and size < total:
        return False
    try:
        with camera.fetch(clip, size, _note(part).get("validator")) as more:
            return more.stream.read(1) == b"" if more.start == size else more.total_bytes in (None, size)
    except FAILURES as failure:
        if getattr(failure, "code", None) == BEYOND_THE_END:
            return True
        raise


def _once(camera: Camera, clip: CameraClip, part: Path) -> int | None:
    """One answer of the camera, written behind what is there; the whole size that it told."""
    note = _note(part)
    offset = _size(part) if note.get("remote") == clip.remote else 0
    with camera.fetch(clip, offset, note.get("validator")) as fetched:
        is_same = fetched.start == offset and fetched.validator == note.get("validator")
        is_same = is_same and note.get("size_bytes") in (None, clip.size_bytes)
        if offset and fetched.start and not is_same:
            _forget(part)
            raise OSError("the clip changed on the camera while it came; begun again")
        start = fetched.start if offset and is_same else 0
        if start == 0:
            _write_note(part, clip, fetched.validator)
        limit = clip.size_bytes if clip.size_bytes is not None else fetched.total_bytes
        with refusals(part), open(part, "r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            _copy(fetched.stream, file, None if limit is None else limit - start)
        return fetched.total_bytes


def _copy(source: IO[bytes], file: IO[bytes], room: int | None) -> None:
    """Writes what comes, one byte more than `room` at most: that one tells that there is too much."""
    left = None if room is None else room + 1
    while left is None or left > 0:
        read = getattr(source, "read1", source.read)
        try:
            chunk = read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
        except FAILURES:
            file.flush()
            raise
        if not chunk:
            return
        file.write(chunk)
        left = None if left is None else left - len(chunk)


def _problem(part: Path, clip: CameraClip, total: int | None, check: Check) -> UnreadableClip | None:
    """Why a received part is not the clip; None when it is."""
    expected = clip.size_bytes if clip.size_bytes is not None else total
    size = _size(part)
    if expected is not None and size != expected:
        return UnreadableClip(clip.path, f"{size} bytes came, the camera lists {expected}")
    if not clip.path.lower().endswith(CLIP_SUFFIXES):
        return None
    try:
        check(part)
    except UnreadableClip as error:
        return UnreadableClip(clip.path, f"what came is no whole clip: {error.reason}")
    return None


def _finish(part: Path, place: Path) -> None:
    """Makes the part durable and gives it its name; a file that got there first stays."""
    with refusals(place):
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if place.exists():
            raise BadInput(f"{place} appeared meanwhile; the part is kept")
        os.rename(part, place)
        sync_folder(place.parent)
    _note_path(part).unlink(missing_ok=True)


def _delete(camera: Camera, clip: CameraClip, done: Synced) -> None:
    try:
        camera.delete(clip)
        done.deleted += 1
    except (BadInput, TryLater, *FAILURES) as error:
        done.problems.append((clip.path, f"not deleted on the camera: {_reason(error)}"))


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note_path(part).unlink(missing_ok=True)


def _note_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _note(part: Path) -> dict[str, Any]:
    """Which version of which clip a part is of; empty when that is not known."""
    with contextlib.suppress(OSError, ValueError):
        note = orjson.loads(_note_path(part).read_bytes())
        return note if isinstance(note, dict) else {}
    return {}


def _write_note(part: Path, clip: CameraClip, validator: str | None) -> None:
    note = {"remote": clip.remote, "size_bytes": clip.size_bytes, "validator": validator}
    write_whole(_note_path(part), orjson.dumps(note))


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(inner or error or type(error).__name__)
