"""What lies in a leaf of complete/: its records and their rows, loose or packed.

Leaves are packed while they are read. The pack comes before anything goes, so a file that was listed and is gone is
looked for once more; a listing that lacks what the index knows is taken a second time.
"""

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
    loose_rows: frozenset[str] = frozenset()
    """Names of the files of rows."""
    packed: leaf.Leaf | None = None

    def entries(self) -> list[Entry]:
        """The tasks by their names."""
        found = (layout.parse(f"{self.path}/{name}") for name in self.names)
        return [entry for entry in found if entry is not None]


def listed(spool: Spool, path: str) -> Contents:
    """A leaf of complete/ or pending/ by its names; packs are opened, records are not."""
    names = spool.files.names(path)
    loose_rows = frozenset(name for name in names if name.endswith(leaf.ROWS))
    if path.startswith("complete/") and any(packs.is_pack(name) or name.endswith(leaf.MARK) for name in names):
        found = leaf.look(spool.files, path, names)
        return Contents(path, tuple(found.names()), found.loose_rows, found)
    return Contents(path, tuple(sorted(loose_rows.symmetric_difference(names))), loose_rows)


def records(
    spool: Spool, contents: Contents, entries: Collection[Entry]
) -> Iterator[tuple[Entry, Any, list[Json] | None]]:
    """Each of these tasks of a leaf with its JSON and, where they came with it, its rows.

    The JSON is None for a record that is gone or torn; rows that are None are asked of `rows_beside`.
    """
    wanted = {entry.path.rpartition("/")[2]: entry for entry in entries}
    if contents.packed is not None and not contents.packed.loose.issuperset(wanted):
        for record in contents.packed.packed():
            entry = wanted.pop(record.name, None)
            if entry is not None:
                yield entry, record.record, _packed_rows(contents, record)
    for entry in wanted.values():
        value = _loose_record(spool, entry.path)
        yield (entry, value, None) if value is not None else (entry, *_packed_meanwhile(spool, entry.path))


def rows_beside(spool: Spool, contents: Contents | None, path: str) -> list[Json]:
    """The rows of a loose record; `contents` is its leaf as it was listed, None for not at all.

    Every record is asked for a file of rows, whether it was listed or not: on NFS a listing may lack a name.
    """
    found = _loose_rows(spool, path)
    if found is None and (contents is None or leaf.rows_name(path.rpartition("/")[2]) in contents.loose_rows):
        return _packed_meanwhile(spool, path)[1]
    return found or []


def again(spool: Spool, path: str) -> tuple[Any, list[Json]]:
    """One record and its rows, wherever they lie now; None when the record is gone."""
    value = _loose_record(spool, path)
    return _packed_meanwhile(spool, path) if value is None else (value, rows_beside(spool, None, path))


def _packed_meanwhile(spool: Spool, path: str) -> tuple[Any, list[Json]]:
    folder, _, name = path.rpartition("/")
    contents = listed(spool, folder)
    found = None if contents.packed is None or name not in contents.names else contents.packed.find(name)
    if found is None:
        return None, []
    packed_rows = _packed_rows(contents, found)
    return found.record, (_loose_rows(spool, path) or []) if packed_rows is None else packed_rows


def _packed_rows(contents: Contents, record: packs.Packed) -> list[Json] | None:
    """The rows of a packed record; None where a loose file of them wins."""
    return None if leaf.rows_name(record.name) in contents.loose_rows else list(record.rows or ())


def _loose_record(spool: Spool, path: str) -> Any:
    try:
        return orjson.loads(spool.files.read(path))
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None


def _loose_rows(spool: Spool, path: str) -> list[Json] | None:
    try:
        return rows.parse(spool.files.read(f"{packs.stem(path)}{leaf.ROWS}"))
    except FileNotFoundError:
        return None
