"""What lies in a leaf of complete/: its records and their rows, loose or packed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from dashtools.index import rows
from dashtools.model import Json
from dashtools.spool import layout, leaf, packs
from dashtools.spool.layout import Entry
from dashtools.spool.queue import Spool


@dataclass(frozen=True)
class Contents:
    """The records of a leaf that count, by name; `packed` None: there is no pack in it."""

    path: str
    names: tuple[str, ...]
    packed: leaf.Leaf | None = None

    def entries(self) -> list[Entry]:
        """The tasks by their names."""
        found = (layout.parse(f"{self.path}/{name}") for name in self.names)
        return [entry for entry in found if entry is not None]


def listed(spool: Spool, path: str) -> Contents:
    """A leaf of complete/ or pending/ by its names; packs are opened, records are not."""
    names = spool.files.names(path)
    if path.startswith("complete/") and any(packs.is_pack(name) or name.endswith(leaf.MARK) for name in names):
        found = leaf.look(spool.files, path, names)
        return Contents(path, tuple(found.names()), found)
    return Contents(path, tuple(sorted(name for name in names if not name.endswith(leaf.ROWS))))


def records(
    spool: Spool, contents: Contents, entries: Collection[Entry]
) -> Iterator[tuple[Entry, Any, list[Json] | None]]:
    """Each of these tasks of a leaf with its JSON and, where they lie in the same pack, its rows.

    A record that is gone comes with None, and so does a file that is no JSON.
    """
    wanted = {entry.path.rpartition("/")[2]: entry for entry in entries}
    if contents.packed is not None and not contents.packed.loose.issuperset(wanted):
        for record in contents.packed.packed():
            entry = wanted.pop(record.name, None)
            if entry is not None:
                yield entry, record.record, list(record.rows or ())
    for entry in wanted.values():
        yield entry, loose_record(spool, entry.path), None


def loose_record(spool: Spool, path: str) -> Any:
    """The JSON in a record's file; None when the file is gone or torn."""
    try:
        return orjson.loads(spool.files.read(path))
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None


def loose_rows(spool: Spool, path: str) -> list[Json]:
    """The rows beside a record's file."""
    try:
        return rows.parse(spool.files.read(f"{packs.stem(path)}{leaf.ROWS}"))
    except FileNotFoundError:
        return []


def _packed_rows(found: leaf.Leaf, record: packs.Packed) -> list[Json] | None:
    """The rows of a packed record; None where a loose file of them wins."""
    return None if leaf.rows_name(record.name) in found.loose_rows else list(record.rows or ())


def again(spool: Spool, path: str) -> tuple[Any, list[Json]]:
    """One record and its rows, wherever they lie now; None when the record is gone."""
    value = loose_record(spool, path)
    if value is not None:
        return value, loose_rows(spool, path)
    folder, _, name = path.rpartition("/")
    contents = listed(spool, folder)
    found = None if contents.packed is None or name not in contents.names else contents.packed.find(name)
    if contents.packed is None or found is None:
        return None, []
    rows_of = _packed_rows(contents.packed, found)
    return found.record, loose_rows(spool, path) if rows_of is None else rows_of
