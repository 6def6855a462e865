"""A sighting as a folder that proves itself: bytes of the original, records, reads, places, and a check of them all."""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import shutil
import sqlite3
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from types import ModuleType

import orjson

import dashtools
from dashtools.commands._evidence_page import page
from dashtools.commands._formats import as_gpx, as_jsonl
from dashtools.config import Config
from dashtools.devices import storages
from dashtools.devices.pins import tombstones
from dashtools.errors import BadInput, InputMissing, TryLater
from dashtools.files import refusals, sha256_of, sync_folder
from dashtools.index import queries
from dashtools.index.exports import COLUMNS, Selection, rows
from dashtools.model import FileRef, Json, Task
from dashtools.spool import task as tasks
from dashtools.spool.queue import Spool
from dashtools.times import to_text, utc_now

VERIFY = "evidence_verify.py.txt"
_DOCUMENTS = ("ingest", "track", "detections", "manifest", "gpx")
_PLAYABLE = (".mp4", ".mov", ".ts", ".mkv", ".m4v")


@dataclass
class _Folder:
    """The folder while it grows; each file is noted with its digest as it lies on the disk."""

    root: Path
    files: list[Json] = field(default_factory=list)
    documents: dict[str, str] = field(default_factory=dict)
    records: list[str] = field(default_factory=list)

    def write(self, path: str, kind: str, content: bytes) -> None:
        self._place(path).write_bytes(content)
        self.note(path, kind)

    def copy(self, source: Path, path: str, kind: str, recorded: Json | None = None) -> None:
        shutil.copyfile(source, self._place(path))
        self.note(path, kind, recorded)

    def note(self, path: str, kind: str, recorded: Json | None = None) -> None:
        target = self.root / path
        with open(target, "rb") as stream:
            os.fsync(stream.fileno())
        entry = {"path": path, "type": kind, "sha256": sha256_of(target), "size_bytes": target.stat().st_size}
        self.files.append({**entry, **({"recorded": recorded} if recorded else {})})

    def _place(self, path: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise BadInput(f"two files of this clip would be {path}")
        return target


@dataclass(frozen=True)
class Wish:
    """Which sighting, how much around it, and whether the whole original is wanted."""

    sighting_id: str
    pad_s: float = 5.0
    is_whole: bool = False


def export_evidence(spool: Spool, config: Config, connection: sqlite3.Connection, wish: Wish, target: Path) -> str:
    """Makes the folder `target`, whole or not at all; its seal: the SHA-256 of its manifest.

    BadInput when there is no such sighting, when `target` is there already, or when the original's bytes are not
    those that were taken in.
    """
    if target.exists():
        raise BadInput(f"{target} is there already; evidence is never written over")
    partial = target.with_name(f".{target.name}.part")
    with refusals(target):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            _fill(_Folder(partial), spool, config, connection, wish)
            sync_folder(partial)
            os.rename(partial, target)
            sync_folder(target.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return sha256_of(target / "MANIFEST.json")


def _fill(folder: _Folder, spool: Spool, config: Config, connection: sqlite3.Connection, wish: Wish) -> None:
    told = _told(connection, wish.sighting_id)
    video_id = told["video_id"]
    records = _records(folder, spool, connection, video_id)
    original = _original(folder, spool, config, records, told, wish)
    for name, task in records:
        for ref in task.outputs:
            if _is_wanted(ref, wish.sighting_id, has_original=original["in_folder"] is not None):
                _copy_output(folder, config, ref, name)
    fixes = list(rows(connection, "fixes", Selection(video_id=video_id)))
    folder.write("gps/fixes.jsonl", "fixes", "".join(as_jsonl(COLUMNS["fixes"], fixes)).encode())
    folder.write("gps/track.gpx", "gpx", "".join(as_gpx(COLUMNS["fixes"], fixes)).encode())
    folder.write("sighting.json", "sighting", orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
    text = importlib.resources.files("dashtools").joinpath("data").joinpath(VERIFY).read_text()
    folder.write("verify.py", "program", text.encode())
    manifest = {
        "schema": "evidence/1",
        "made_at": to_text(utc_now()),
        "made_by": f"dashtools {dashtools.__version__}",
        "sighting_id": wish.sighting_id,
        "video_id": video_id,
        "original": original,
        "records": folder.records,
        "documents": folder.documents,
        "files": folder.files,
    }
    folder.write("index.html", "page", page(told, manifest).encode())
    (folder.root / "MANIFEST.json").write_text(_as_module(text).manifest_text(manifest))


def _as_module(text: str) -> ModuleType:
    """The standalone check as a module: what it reads is written by its own words."""
    module = ModuleType("verify")
    exec(compile(text, VERIFY, "exec"), module.__dict__)
    return module


def _told(connection: sqlite3.Connection, sighting_id: str) -> Json:
    """The sighting with its votes and reads."""
    row = connection.execute("SELECT video_id FROM sightings WHERE sighting_id = ?", (sighting_id,)).fetchone()
    if row is None:
        raise BadInput(f"no sighting is named {sighting_id!r}; dc-export sightings lists them")
    found = rows(connection, "sightings", Selection(video_id=row[0]))
    told = next(found for found in found if found["sighting_id"] == sighting_id)
    reads = [asdict(read) for read in queries.reads(connection, sighting_id)]
    return {**told, "votes": queries.votes(connection, sighting_id), "reads": reads}


def _records(folder: _Folder, spool: Spool, connection: sqlite3.Connection, video_id: str) -> list[tuple[str, Task]]:
    """The final records of the clip, copied as they are, in the order of the work."""
    sql = "SELECT path, task_type FROM tasks WHERE video_id = ? AND is_shown AND condition = 'complete'"
    found: list[tuple[str, Task]] = []
    for path, task_type in connection.execute(sql + " ORDER BY completed_at, path", (video_id,)).fetchall():
        try:
            content = spool.files.read(path)
        except FileNotFoundError:
            raise TryLater(f"{path} was requeued just now; try again when its task is complete") from None
        name = f"records/{len(found) + 1}_{task_type}.json"
        folder.write(name, "record", content)
        folder.records.append(name)
        found.append((name, tasks.from_bytes(content)))
    return found


def _original(
    folder: _Folder, spool: Spool, config: Config, records: list[tuple[str, Task]], told: Json, wish: Wish
) -> Json:
    """What is known of the original, and which file of the folder is of its bytes."""
    found = [(name, ref) for name, task in records for ref in task.inputs if ref.type == "video" and ref.sha256]
    if not found:
        raise BadInput(f"no record of {told['video_id']} names its original with a digest")
    name, ref = found[0]
    known: Json = {"clip": told["clip"], "sha256": ref.sha256, "size_bytes": ref.size_bytes, "in_folder": None}
    try:
        source = storages.resolve(config, ref)
    except InputMissing as error:
        return {**known, "note": _removed_note(spool, ref) or str(error)}
    if sha256_of(source) != ref.sha256:
        raise BadInput(f"{ref.path} is not the file that was taken in: its sha256 is another")
    if wish.is_whole:
        path = f"original/{PurePosixPath(ref.path).name}"
        where = {"record": name, "storage": ref.device, "path": ref.path}
        folder.copy(source, path, "video", where)
        return {**known, "in_folder": path, "note": "whole"}
    return {**known, **_segment(folder, source, told, wish.pad_s)}


def _segment(folder: _Folder, source: Path, told: Json, pad_s: float) -> Json:
    from dashtools.backends.ffmpeg import FfmpegEncoder, copy_segment

    suffix = source.suffix if source.suffix.lower() in _PLAYABLE else ".mkv"
    path = f"segment/{source.stem}_around{suffix}"
    (folder.root / "segment").mkdir()
    start_s, end_s = max(0.0, told["first_pts_ms"] / 1000 - pad_s), told["last_pts_ms"] / 1000 + pad_s
    encoder = FfmpegEncoder()
    copy_segment(encoder.program, source, folder.root / path, start_s=start_s, end_s=end_s)
    folder.note(path, "segment")
    note = f"segment by stream copy (ffmpeg {encoder.version}) out of the bytes with this digest, checked just before"
    return {"in_folder": path, "from_s": round(start_s, 3), "to_s": round(end_s, 3), "note": note}


def _removed_note(spool: Spool, ref: FileRef) -> str | None:
    for stone in tombstones(spool):
        if (stone.get("storage"), stone.get("path")) == (ref.device, ref.path):
            return f"original removed on {stone.get('removed_at', 'an unknown day')}: {stone.get('reason')}"
    return None


def _is_wanted(ref: FileRef, sighting_id: str, *, has_original: bool) -> bool:
    if ref.type in ("plate_crop", "best_frame"):
        return _is_of(ref, sighting_id)
    return ref.type in _DOCUMENTS or (ref.type == "video_lowres" and not has_original)


def _is_of(ref: FileRef, sighting_id: str) -> bool:
    stem = PurePosixPath(ref.path).stem
    return stem == sighting_id or stem.startswith(f"{sighting_id}_")


def _copy_output(folder: _Folder, config: Config, ref: FileRef, record: str) -> None:
    """An output of a record, if it is still there; one whose bytes changed is refused."""
    stage = PurePosixPath(record).stem
    with contextlib.suppress(InputMissing):  # retention took it: the record still says its digest
        source = storages.resolve(config, ref)
        path = f"files/{stage}/{PurePosixPath(ref.path).name}"
        folder.copy(source, path, ref.type, {"record": record, "storage": ref.device, "path": ref.path})
        if ref.sha256 is not None and folder.files[-1]["sha256"] != ref.sha256:
            raise BadInput(f"{ref.device}:{ref.path} is not what {record} names; this clip is no evidence")
        if ref.type not in ("plate_crop", "best_frame", "video_lowres"):
            folder.documents.setdefault(ref.type, path)
