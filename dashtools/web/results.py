"""What a device sends of an attempt: files in the attempt's own folder, then the record that names them."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from dashtools.errors import BadInput, TryLater
from dashtools.files import refusals, sha256_of, sync_folder
from dashtools.model import OUT, ChildTask, FileRef, Json
from dashtools.spool.queue import Claim
from dashtools.web.api_settings import ApiSettings
from dashtools.web.api_tasks import VIDEO_ID

KINDS = {
    "INGEST_VIDEO": "ingest",
    "PREPROCESS_VIDEO": "preproc",
    "HEAVY_PROCESS_VIDEO": "heavy_output",
    "ARCHIVE_VIDEO": "archive",
    "FINALIZE_VIDEO": "final",
}


@dataclass(frozen=True)
class AttemptFolder:
    """Where an attempt's files lie: a storage, its local root, and the folder below it."""

    storage: str
    root: Path
    prefix: str

    def path(self, name: str) -> Path:
        """A file's place; BadInput when a link leads out of the storage."""
        top = os.path.realpath(self.root)
        place = os.path.join(top, self.prefix, name)
        if os.path.commonpath([top, os.path.realpath(place)]) != top:
            raise BadInput(f"{name}: lies outside its storage")
        return Path(place)


def folder_of(api: ApiSettings, claim: Claim) -> AttemptFolder:
    """The folder that only this attempt writes, for its number is used by one claim alone."""
    task = claim.task
    if api.output_folder is None:
        raise TryLater("no storage is configured here")
    if not VIDEO_ID.match(task.video_id):
        raise BadInput(f"video_id {task.video_id[:80]!r} can be no folder")
    storage, root, folder = api.output_folder(KINDS.get(task.task_type, "exec"))
    return AttemptFolder(storage, root, f"{folder}/{task.video_id}/{task.task_id}.a{claim.entry.attempt:02d}")


async def store(place: Path, body: AsyncIterator[bytes]) -> tuple[str, int]:
    """Writes a body as a whole file, durably, and gives its SHA-256 and size; nothing is left of half a body."""
    hidden = place.with_name(f".{place.name[:100]}.{secrets.token_hex(4)}.tmp")
    digest, size_bytes = hashlib.sha256(), 0
    with refusals(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(hidden, "xb") as file:
                async for piece in body:
                    file.write(piece)
                    digest.update(piece)
                    size_bytes += len(piece)
                file.flush()
                os.fsync(file.fileno())
            os.replace(hidden, place)
        finally:
            hidden.unlink(missing_ok=True)
        sync_folder(place.parent)
    return digest.hexdigest(), size_bytes


def sealed(folder: AttemptFolder, outputs: Any) -> tuple[FileRef, ...]:
    """The outputs that a record may name: each is read back, so a file that never came is BadInput."""
    if not isinstance(outputs, list):
        raise BadInput('outputs are an array of {"path": ..., "type": ...}')
    found = []
    for value in outputs:
        name, kind = (value.get("path"), value.get("type")) if isinstance(value, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(kind, str):
            raise BadInput('outputs are an array of {"path": ..., "type": ...}')
        path = folder.path(name) if ".." not in name.split("/") and not name.startswith("/") else None
        if path is None or not path.is_file():
            raise BadInput(f"output {name[:80]!r} was not sent; PUT it first")
        found.append(
            FileRef(folder.storage, f"{folder.prefix}/{name}", kind, False, sha256_of(path), path.stat().st_size)
        )
    return tuple(found)


def placed(children: Sequence[ChildTask], folder: AttemptFolder | None) -> list[ChildTask]:
    """Children whose inputs among our own outputs are named by their storage."""

    def at_home(ref: FileRef) -> FileRef:
        if ref.device != OUT:
            return ref
        if folder is None:
            raise BadInput("no output was sent that a new task could refer to")
        return replace(ref, device=folder.storage, path=f"{folder.prefix}/{ref.path}")

    return [replace(child, inputs=tuple(at_home(ref) for ref in child.inputs)) for child in children]


def row_lines(rows: Any, folder: AttemptFolder | None) -> bytes:
    """Rows for the index as the spool keeps them; {"$out": path} becomes the path below the storage."""
    if not isinstance(rows, list) or not all(isinstance(r, dict) and isinstance(r.get("table"), str) for r in rows):
        raise BadInput('rows are an array of objects with a "table"')
    return b"".join(orjson.dumps(_placed_row(row, folder), option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def _placed_row(row: Json, folder: AttemptFolder | None) -> Json:
    def at_home(value: Any) -> Any:
        if not isinstance(value, dict) or OUT not in value:
            return value
        if folder is None:
            raise BadInput("no output was sent that a row could refer to")
        return f"{folder.prefix}/{value[OUT]}"

    return {name: at_home(value) for name, value in row.items()}
