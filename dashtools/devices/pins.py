"""What people want kept, and what was removed: small files in the spool's notes/."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import orjson

from dashtools.errors import BadInput
from dashtools.model import Json
from dashtools.spool.layout import TASK_ID
from dashtools.spool.queue import Spool
from dashtools.times import to_text, utc_now

_PINS = "notes/pins"
_REMOVED = "notes/removed"


def pin(spool: Spool, video_id: str) -> bool:
    """Keeps everything of a video until it is unpinned; False when it was pinned already."""
    if is_pinned(spool, video_id):
        return False
    _write(spool, f"{_PINS}/{_name(video_id)}", {"video_id": video_id, "pinned_at": to_text(utc_now())})
    return True


def unpin(spool: Spool, video_id: str) -> bool:
    """Takes a pin away; False when there was none."""
    if not is_pinned(spool, video_id):
        return False
    spool.files.unlink(f"{_PINS}/{_name(video_id)}")
    return True


def is_pinned(spool: Spool, video_id: str) -> bool:
    """Is there a pin now? Opens it each time, for a listing may be overtaken."""
    try:
        spool.files.read(f"{_PINS}/{_name(video_id)}")
    except FileNotFoundError:
        return False
    return True


def pinned(spool: Spool) -> set[str]:
    """Every pinned video."""
    return {name.removesuffix(".json") for name in spool.files.names(_PINS)}


def write_tombstone(spool: Spool, unit_id: str, stone: Json) -> None:
    """Says for good what was removed, when and why; written over when the same is removed again."""
    _write(spool, f"{_REMOVED}/{unit_id[:2]}/{unit_id}.json", stone)


def tombstones(spool: Spool) -> Iterator[Json]:
    """Everything that was removed, in no order; a stone without `removed_at` was cut short by a crash."""
    for shelf in sorted(spool.files.names(_REMOVED)):
        for name in sorted(spool.files.names(f"{_REMOVED}/{shelf}")):
            try:
                yield orjson.loads(spool.files.read(f"{_REMOVED}/{shelf}/{name}"))
            except (FileNotFoundError, orjson.JSONDecodeError):
                continue


def _name(video_id: str) -> str:
    if not TASK_ID.match(video_id):
        raise BadInput(f"{video_id!r} is no video id; dc-ls --json shows them")
    return f"{video_id}.json"


def _write(spool: Spool, path: str, value: Json) -> None:
    content = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    spool.files.mkdirs(path.rpartition("/")[0])
    spool.files.replace(path, content, f"tmp/note~{spool.me.worker}~{uuid.uuid4().hex[:8]}")
