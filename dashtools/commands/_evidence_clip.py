"""A clip's part of an evidence folder: its records, the original's bytes, its documents, reads, crops and places."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import orjson

from dashtools.commands._evidence_folder import EvidenceFolder
from dashtools.commands._evidence_span import Span
from dashtools.commands._formats import as_gpx, as_jsonl
from dashtools.config import Config
from dashtools.devices import storages
from dashtools.devices.pins import tombstones
from dashtools.errors import BadInput, InputMissing, TryLater
from dashtools.files import sha256_of
from dashtools.index import queries
from dashtools.index.exports import COLUMNS, Selection, rows
from dashtools.model import FileRef, Json, Task
from dashtools.spool import layout
from dashtools.spool import task as tasks
from dashtools.spool.queue import Spool

_DOCUMENTS = ("ingest", "track", "detections", "manifest", "gpx")
_PLAYABLE = (".mp4", ".mov", ".ts", ".mkv", ".m4v")


@dataclass(frozen=True)
class ClipEvidence:
    """Puts one span of a clip into the folder, below clips/<video id>/."""

    folder: EvidenceFolder
    spool: Spool
    config: Config
    connection: sqlite3.Connection
    span: Span

    @property
    def base(self) -> str:
        return f"clips/{self.span.video_id}"

    def put(self) -> Json:
        """Writes everything; the clip's entry of the manifest, with what is told of its sightings."""
        records = list(self._records())
        original = self._original(records)
        documents: dict[str, str] = {}
        for name, task in records:
            for ref in task.outputs:
                if self._is_wanted(ref, has_original=original["in_folder"] is not None):
                    self._copy_output(ref, name, documents)
        fixes = list(rows(self.connection, "fixes", Selection(video_id=self.span.video_id)))
        self.folder.write(f"{self.base}/gps/fixes.jsonl", "fixes", "".join(as_jsonl(COLUMNS["fixes"], fixes)).encode())
        self.folder.write(f"{self.base}/gps/track.gpx", "gpx", "".join(as_gpx(COLUMNS["fixes"], fixes)).encode())
        told = list(self._told())
        content = orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        self.folder.write(f"{self.base}/sightings.json", "sightings", content)
        names = [name for name, _ in records]
        entry = {"video_id": self.span.video_id, "original": original, "records": names, "documents": documents}
        return {"entry": entry, "sightings": told}

    def _told(self) -> Iterator[Json]:
        """Each sighting of the span with its votes and reads."""
        for row in rows(self.connection, "sightings", Selection(video_id=self.span.video_id)):
            sighting_id = row["sighting_id"]
            if sighting_id in self.span.sightings:
                reads = [asdict(read) for read in queries.reads(self.connection, sighting_id)]
                yield {**row, "votes": queries.votes(self.connection, sighting_id), "reads": reads}

    def _records(self) -> Iterator[tuple[str, Task]]:
        """The final records of the clip, copied as they are, in the order of the work."""
        sql = """SELECT path, task_type FROM tasks WHERE video_id = ? AND is_shown AND condition = 'complete'
            ORDER BY completed_at, path"""
        found = self.connection.execute(sql, (self.span.video_id,)).fetchall()
        for number, (path, task_type) in enumerate(found, 1):
            entry = layout.parse(path)
            try:
                task = None if entry is None else self.spool.load(entry)
            except FileNotFoundError:
                task = None
            if task is None:
                raise TryLater(f"{path} was requeued just now; try again when its task is complete")
            name = f"{self.base}/records/{number}_{task_type}.json"
            self.folder.write(name, "record", tasks.to_bytes(task))
            yield name, task

    def _original(self, records: list[tuple[str, Task]]) -> Json:
        """What is known of the original, and which file of the folder is of its bytes."""
        found = [(name, ref) for name, task in records for ref in task.inputs if ref.type == "video" and ref.sha256]
        if not found:
            raise BadInput(f"no record of {self.span.video_id} names its original with a digest")
        name, ref = found[0]
        known: Json = {"clip": PurePosixPath(ref.path).name, "sha256": ref.sha256, "size_bytes": ref.size_bytes}
        known["span_ms"] = [self.span.start_ms, self.span.end_ms]
        try:
            source = storages.resolve(self.config, ref)
        except InputMissing as error:
            return {**known, "in_folder": None, "note": _removed_note(self.spool, ref) or str(error)}
        if sha256_of(source) != ref.sha256:
            raise BadInput(f"{ref.path} is not the file that was taken in: its sha256 is another")
        if self.span.is_whole:
            path = f"{self.base}/original/{PurePosixPath(ref.path).name}"
            self.folder.copy(source, path, "video", {"record": name, "storage": ref.device, "path": ref.path})
            return {**known, "in_folder": path, "note": "whole"}
        return {**known, **self._segment(source)}

    def _segment(self, source: Path) -> Json:
        from dashtools.backends.ffmpeg import FfmpegEncoder, copy_segment

        suffix = source.suffix if source.suffix.lower() in _PLAYABLE else ".mkv"
        path = f"{self.base}/segment/{source.stem}_part{suffix}"
        encoder = FfmpegEncoder()
        span = {"start_s": self.span.start_ms / 1000, "end_s": self.span.end_ms / 1000}
        copy_segment(encoder.program, source, self.folder.place(path), **span)
        self.folder.note(path, "segment")
        made = f"by stream copy (ffmpeg {encoder.version})"
        return {"in_folder": path, "note": f"segment {made} out of the bytes with this digest, checked just before"}

    def _is_wanted(self, ref: FileRef, *, has_original: bool) -> bool:
        if ref.type in ("plate_crop", "best_frame"):
            stem = PurePosixPath(ref.path).stem
            return stem in self.span.sightings or stem.removesuffix("_best_crop") in self.span.sightings
        return ref.type in _DOCUMENTS or (ref.type == "video_lowres" and not has_original)

    def _copy_output(self, ref: FileRef, record: str, documents: dict[str, str]) -> None:
        """An output of a record, if it is still there; one whose bytes changed is refused."""
        with contextlib.suppress(InputMissing):  # retention took it: the record still says its digest
            source = storages.resolve(self.config, ref)
            path = f"{self.base}/files/{PurePosixPath(record).stem}/{PurePosixPath(ref.path).name}"
            where = {"record": record, "storage": ref.device, "path": ref.path}
            found = self.folder.copy(source, path, ref.type, where)
            if ref.sha256 is not None and found != ref.sha256:
                raise BadInput(f"{ref.device}:{ref.path} is not what {record} names; this clip is no evidence")
            if ref.type not in ("plate_crop", "best_frame", "video_lowres"):
                documents.setdefault(ref.type, path)


def _removed_note(spool: Spool, ref: FileRef) -> str | None:
    for stone in tombstones(spool):
        if (stone.get("storage"), stone.get("path")) == (ref.device, ref.path):
            return f"original removed on {stone.get('removed_at', 'an unknown day')}: {stone.get('reason')}"
    return None
