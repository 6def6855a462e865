"""Plates on no list are forgotten after so many days: in records, rows, documents, crops and people's corrections.

The order makes a crash harmless: pictures, documents and records first, the rows of HEAVY last. As long as those name a
plate, the clip is due and everything is done again, which changes nothing that was done. Every index is made anew
afterwards (`notes/forgotten.json` tells it to), so that none keeps what the spool does not say any more.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePosixPath

import orjson

from dashtools.config import Config
from dashtools.devices import pins, storages
from dashtools.devices.recorded import Needed, Record, Recorded
from dashtools.devices.redaction import (
    Fate,
    Forgetting,
    fate_of,
    redacted_detections,
    redacted_manifest,
    redacted_rows,
    redacted_summary,
)
from dashtools.errors import BadInput, InputMissing
from dashtools.files import sha256_of, sync_folder, write_whole
from dashtools.model import FileRef, Json, with_changes
from dashtools.spool import layout, notes
from dashtools.spool import task as tasks
from dashtools.spool.compact import Compactor
from dashtools.spool.queue import Spool
from dashtools.times import to_text, utc_now

_PICTURES = ("plate_crop", "best_frame")
_ORDER = ("ARCHIVE_VIDEO", "FINALIZE_VIDEO", "HEAVY_PROCESS_VIDEO")  # the rows of HEAVY say what is left to do


@dataclass(frozen=True)
class Due:
    """A clip of which something is to be forgotten."""

    video_id: str
    records: tuple[Record, ...]
    fate: Fate
    pictures: int


@dataclass
class Forgetter:
    """Finds what is due and forgets it, on this host's storages."""

    spool: Spool
    config: Config
    recorded: Recorded
    needed: Needed
    rule: Forgetting
    days: float
    now: datetime
    corrections: Mapping[str, notes.Note] = field(default_factory=dict)
    """By sighting."""
    pinned: Collection[str] = ()

    def due(self) -> Iterator[Due]:
        """Every clip that was read so long ago and names plates on no list, except pinned and pending ones."""
        by_video: dict[str, list[Record]] = {}
        for record in self.recorded.records:
            if record.task.task_type in _ORDER:
                by_video.setdefault(record.task.video_id, []).append(record)
        for video_id, records in sorted(by_video.items()):
            if video_id in self.pinned or video_id in self.needed.video_ids:
                continue
            fate = self._fate(records)
            if fate.count:
                yield Due(video_id, tuple(records), fate, sum(1 for _ in _pictures(records, fate)))

    def forget(self, due: Due) -> None:
        """Does it; BadInput when the clip was pinned or requeued meanwhile, TryLater when a storage is away."""
        self.needed.look()
        if pins.is_pinned(self.spool, due.video_id) or due.video_id in self.needed.video_ids:
            raise BadInput(f"{due.video_id} was pinned or requeued meanwhile")
        for ref in [ref for record in due.records for ref in record.task.outputs]:
            storages.mounted_root(self.config.storage(ref.device))  # all of it or nothing
        digests: dict[str, str] = {}
        for record in [r for r in due.records if r.task.task_type == "HEAVY_PROCESS_VIDEO"]:
            self._rewrite(record, due.fate, digests)
        for task_type in _ORDER[:2]:
            for record in [r for r in due.records if r.task.task_type == task_type]:
                self._rewrite(record, due.fate, digests)
                self._rewrite_rows(record, due.fate)
        for sighting_id in due.fate.tokens.keys() & self.corrections.keys():
            note_id = self.corrections[sighting_id].note_id
            with contextlib.suppress(FileNotFoundError):
                self.spool.files.unlink(f"{notes.ROOT}/{note_id[:6]}/{note_id}.json")
        for record in [r for r in due.records if r.task.task_type == "HEAVY_PROCESS_VIDEO"]:
            self._rewrite_rows(record, due.fate)
        for leaf in sorted({record.path.rpartition("/")[0] for record in due.records}):
            self._repack(leaf)

    def _fate(self, records: list[Record]) -> Fate:
        """What is due of a clip; nothing while one of its readings is young, for they share their tracks' names."""
        readings = [record for record in records if record.task.task_type == "HEAVY_PROCESS_VIDEO"]
        tokens: dict[str, str | None] = {}
        if all(record.completed_at <= self.now - timedelta(days=self.days) for record in readings):
            corrected = {sighting: str(note.value) for sighting, note in self.corrections.items()}
            for record in readings:
                tokens |= fate_of(self._rows(record), corrected, self.rule).tokens
        return Fate(tokens, self.rule.key is None)

    def _rows(self, record: Record) -> list[Json]:
        entry = layout.parse(record.path)
        content = None if entry is None else self.spool.rows(entry)
        return [] if content is None else [orjson.loads(line) for line in content.splitlines()]

    def _rewrite(self, record: Record, fate: Fate, digests: dict[str, str]) -> None:
        """The record's pictures removed, its documents and itself written anew."""
        kept = [ref for ref in record.task.outputs if not _is_picture(ref, fate)]
        for ref in record.task.outputs:
            if ref not in kept:
                self._remove(ref)
        outputs = []
        present: dict[str, tuple[str, int]] = {}
        for ref in sorted(kept, key=lambda ref: ref.type == "manifest"):  # the manifest names all the others
            new = self._redact(ref, fate, present, digests)
            if new.sha256 is not None and new.size_bytes is not None:
                present[_inside(ref)] = (new.sha256, new.size_bytes)
            outputs.append(new)
        order = {ref.path: number for number, ref in enumerate(kept)}
        outputs.sort(key=lambda ref: order[ref.path])
        if tuple(outputs) != record.task.outputs:
            self._replace_record(record, tuple(outputs))

    def _redact(
        self, ref: FileRef, fate: Fate, present: Mapping[str, tuple[str, int]], digests: dict[str, str]
    ) -> FileRef:
        """The output as it is afterwards; one that retention took stays as the record says it was."""
        if ref.type not in ("detections", "manifest", "summary"):
            return ref
        try:
            path = storages.resolve(self.config, ref)
        except InputMissing:
            return ref
        document = orjson.loads(path.read_bytes())
        if ref.type == "detections":
            document = redacted_detections(document, fate)
        elif ref.type == "manifest":
            document = redacted_manifest(document, present, digests.get("detections"))
        else:
            document = redacted_summary(document, self.rule, digests)
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        write_whole(path, orjson.dumps(document, option=options))
        digests[ref.type] = sha256_of(path)
        return FileRef(ref.device, ref.path, ref.type, ref.temporary, digests[ref.type], path.stat().st_size)

    def _remove(self, ref: FileRef) -> None:
        path = storages.inside(storages.mounted_root(self.config.storage(ref.device)), ref.path)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            sync_folder(path.parent)

    def _replace_record(self, record: Record, outputs: tuple[FileRef, ...]) -> None:
        """Writes the record anew where it lies, unless it was requeued: then it must not come back."""
        note: Json = {"event": "forgot", "at": to_text(utc_now()), "outputs": len(record.task.outputs) - len(outputs)}
        task = with_changes(record.task, outputs=outputs, history=(*record.task.history, note))
        self._replace(record.path, tasks.to_bytes(task))
        self.needed.look()
        if record.task.task_id in self.needed.task_ids:
            self.spool.files.unlink(record.path)  # it was moved to pending/ in between: that one counts
            raise BadInput(f"{record.task.task_id} was requeued meanwhile")

    def _rewrite_rows(self, record: Record, fate: Fate) -> None:
        before = self._rows(record)
        after = redacted_rows(before, fate)
        if after != before:
            content = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in after)
            self._loosen(record)
            self._replace(layout.rows_beside(record.path), content)

    def _loosen(self, record: Record) -> None:
        """A packed record as a file again: its rows beside it then win over the packed ones."""
        name = record.path.rpartition("/")[2]
        if name not in self.spool.files.names(record.path.rpartition("/")[0]):
            self._replace(record.path, tasks.to_bytes(record.task))

    def _repack(self, leaf: str) -> None:
        """A leaf with a pack is packed anew, so that the old pack and the plates in it go."""
        if any(name.startswith("pack~") for name in self.spool.files.names(leaf)):
            Compactor(self.spool).compact(leaf)

    def _replace(self, path: str, content: bytes) -> None:
        self.spool.files.replace(path, content, f"tmp/note~{self.spool.me.worker}~{secrets.token_hex(4)}")


def _pictures(records: Collection[Record], fate: Fate) -> Iterator[FileRef]:
    return (ref for record in records for ref in record.task.outputs if _is_picture(ref, fate))


def _is_picture(ref: FileRef, fate: Fate) -> bool:
    """Is this the crop or the whole frame of a sighting that is forgotten?"""
    stem = PurePosixPath(ref.path).stem
    return ref.type in _PICTURES and (stem in fate.tokens or stem.removesuffix("_best_crop") in fate.tokens)


def _inside(ref: FileRef) -> str:
    """A path as a manifest has it: below the attempt's folder <kind>/<video>/<task>.aNN/."""
    return ref.path.split("/", 3)[-1] if ref.path.count("/") >= 3 else ref.path
