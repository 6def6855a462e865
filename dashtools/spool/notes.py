"""What people say: corrections, notes, tags and lists; each saying is a small file in notes/said/ that never changes.

The newest saying of a kind about a subject holds; the older ones stay as its history. Names sort by the file server's
clock, so hosts need not agree on the time. The index is made from these files, never the other way round.

    notes/said/<YYYYMM>/<YYYYMMDDTHHMMSSffffff>-<random>.json
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson

from dashtools.errors import BadInput
from dashtools.model import Json
from dashtools.spool.layout import TIME_FORMAT
from dashtools.spool.queue import Spool
from dashtools.times import to_text

ROOT = "notes/said"
LISTS = ("watch", "ignore", "known")
SUBJECTS = ("plate", "sighting", "video", "trip")
LONGEST = 4000
_NAME = re.compile(r"\d{8}T\d{12}-[0-9a-f]{8}\.json\Z")
_PLATE = re.compile(r"[A-Z0-9]{1,16}\Z")


@dataclass(frozen=True)
class Note:
    """One saying. `value` None takes back what was said before."""

    note_id: str
    kind: str
    """correction (text of a sighting), list (watch, ignore, known), tags (list of words) or note (free text)."""
    subject: str
    """`plate:AB12CDE`, `sighting:<id>`, `video:<id>` or `trip:<id>`."""
    value: str | list[str] | None
    at: str
    by: str
    of: str | None = None
    """What was read when a correction was said: it is not for another read that a later run puts in its place."""

    def to_json(self) -> Json:
        return {"schema": "note/1", **{name: getattr(self, name) for name in self.__dataclass_fields__}}


def say(
    spool: Spool, kind: str, subject: str, value: str | list[str] | None, *, by: str, of: str | None = None
) -> Note:
    """Writes a saying for good; BadInput with the reason when it makes no sense."""
    _check(kind, subject, value)
    now = spool.now()
    note_id = f"{now.strftime(TIME_FORMAT)}-{secrets.token_hex(4)}"
    note = Note(note_id, kind, subject, value, to_text(now), by, of)
    content = orjson.dumps(note.to_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    folder = f"{ROOT}/{note_id[:6]}"
    spool.files.mkdirs(folder)
    spool.files.replace(f"{folder}/{note_id}.json", content, f"tmp/note~{spool.me.worker}~{secrets.token_hex(4)}")
    return note


def said(spool: Spool) -> Iterator[Note]:
    """Every saying, oldest first; files that are no sayings are left out."""
    for month in months(spool):
        for path in paths(spool, month):
            note = load(spool, path)
            if note is not None:
                yield note


def months(spool: Spool) -> list[str]:
    """The folders that hold sayings, oldest first."""
    return [f"{ROOT}/{name}" for name in sorted(spool.files.names(ROOT)) if len(name) == 6 and name.isdigit()]


def paths(spool: Spool, month: str) -> list[str]:
    """The sayings of a month by their names, oldest first."""
    return [f"{month}/{name}" for name in sorted(spool.files.names(month)) if _NAME.match(name)]


def id_of(path: str) -> str:
    """The note's id: its file's name without the ending."""
    return path.rpartition("/")[2].removesuffix(".json")


def load(spool: Spool, path: str) -> Note | None:
    """A saying; None when the file is none or is gone."""
    try:
        content = orjson.loads(spool.files.read(path))
        given = {name: content[name] for name in ("kind", "subject", "value", "at", "by")}
        return Note(id_of(path), of=content.get("of"), **given)
    except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None


def current(notes: Iterable[Note]) -> dict[tuple[str, str], Note]:
    """What holds now, by kind and subject; what was taken back is absent."""
    newest = {(note.kind, note.subject): note for note in sorted(notes, key=lambda note: note.note_id)}
    return {key: note for key, note in newest.items() if note.value is not None}


def listed(notes: Iterable[Note], name: str) -> list[str]:
    """The plates on one of the LISTS, sorted.

    >>> listed([Note("1", "list", "plate:AB12CDE", "watch", "", "")], "watch")
    ['AB12CDE']
    """
    return sorted(
        subject.partition(":")[2]
        for (kind, subject), note in current(notes).items()
        if kind == "list" and note.value == name
    )


def _check(kind: str, subject: str, value: str | list[str] | None) -> None:
    what, _, rest = subject.partition(":")
    if what not in SUBJECTS or not rest:
        raise BadInput(f"subject {subject!r} is not one of {', '.join(f'{name}:...' for name in SUBJECTS)}")
    if what == "plate" and not _PLATE.match(rest):
        raise BadInput(f"{rest!r} is no plate: capital letters and digits, at most 16")
    is_words = isinstance(value, list) and all(isinstance(word, str) and 0 < len(word) <= 64 for word in value)
    allowed = {
        "correction": what == "sighting" and isinstance(value, str) and bool(_PLATE.match(value)),
        "list": what == "plate" and value in LISTS,
        "tags": is_words,
        "note": isinstance(value, str) and 0 < len(value) <= LONGEST,
    }
    if kind not in allowed:
        raise BadInput(f"kind {kind!r} is not one of {', '.join(allowed)}")
    if value is not None and not allowed[kind]:
        raise BadInput(f"{value!r} cannot be the {kind} of {subject}")
