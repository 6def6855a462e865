"""What lies in one leaf of complete/: loose records, packs, and marks of what was moved back to pending/.

What counts is (loose + packed) - moved. Nothing is ever taken out of that sum but by a mark, so two who pack a leaf at
once, one of them asleep for a year, can only add what is there already. A loose file beside a packed one wins.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from dashtools.errors import TryLater
from dashtools.spool import layout, packs
from dashtools.spool.atomic import Files
from dashtools.spool.packs import Pack, Packed

BACK = "back"
"""The kind of a file in tmp/ that takes a record's place: back~<key>.aNN=<leaf>~<worker>."""
MARK = ".moved"
ROWS = ".rows.jsonl"
TRIES = 5


@dataclass(frozen=True)
class Leaf:
    """A leaf as one look saw it."""

    path: str
    loose: frozenset[str]
    """Names of the record files, also of those that were moved."""
    loose_rows: frozenset[str]
    marks: frozenset[str]
    """`<key>.aNN` of the mark files."""
    packs: dict[str, Pack] = field(default_factory=dict)
    """By file name."""

    @property
    def moved(self) -> frozenset[str]:
        """`<key>.aNN` that do not count any more."""
        return self.marks.union(*(pack.moved for pack in self.packs.values()))

    def told(self) -> dict[str, str]:
        """What packs say was moved, and the digests of the marks by which it was; more than one is a contradiction."""
        found: dict[str, set[str]] = {}
        for pack in self.packs.values():
            for stem, digests in pack.moved.items():
                found.setdefault(stem, set()).update(digests.split())
        return {stem: " ".join(sorted(digests)) for stem, digests in found.items()}

    def is_moved_by_another(self, stem: str, mark: bytes) -> bool:
        """Does a pack say that another mark than this moved the record? Then this one came too late."""
        return bool(set(self.told().get(stem, "").split()) - {packs.digest(mark)})

    def names(self, in_flight: Collection[str] = ()) -> list[str]:
        """Names of the records that count, sorted; one that is being moved counts until it has arrived."""
        moved = self.moved.difference(in_flight)
        found = self.loose.union(*(pack.names for pack in self.packs.values()))
        return sorted(name for name in found if packs.stem(name) not in moved)

    def packed(self) -> Iterator[Packed]:
        """The packed records that count and have no loose file, pack by pack, each once."""
        seen, moved = set(self.loose), self.moved
        for pack in self.packs.values():
            for record in pack if not seen.issuperset(pack.names) else ():
                if record.name not in seen and packs.stem(record.name) not in moved:
                    seen.add(record.name)
                    yield record if record.rows is not None else self.find(record.name) or record

    def find(self, name: str) -> Packed | None:
        """The packed record of a name, whether it counts or not; of two copies the one with rows.

        A packer that looked just before the rows were brought has a copy without them.
        """
        copies = [found for pack in self.packs.values() if (found := pack.find(name)) is not None]
        return max(copies, key=lambda found: found.rows is not None, default=None)


def look(files: Files, path: str, names: Collection[str] | None = None) -> Leaf:
    """A leaf's content; `names` where it was listed already. Opens its packs, and no record.

    A pack that vanishes between the listing and the opening has a follower that holds the same: look again.
    """
    for _ in range(TRIES):
        listed = files.names(path) if names is None else names
        try:
            opened = {
                name: Pack(files.read(f"{path}/{name}"), str(files.root / path / name))
                for name in sorted(listed)
                if packs.is_pack(name)
            }
        except FileNotFoundError:
            names = None
            continue
        return Leaf(
            path,
            frozenset(name for name in listed if is_record(name)),
            frozenset(name for name in listed if name.endswith(ROWS)),
            frozenset(name.removesuffix(MARK) for name in listed if name.endswith(MARK)),
            opened,
        )
    raise TryLater(f"{files.root / path}: its packs are replaced again and again; try again")


def is_record(name: str) -> bool:
    """Is this the name of a final record?"""
    return layout.parse(f"complete/T/2000/01/01/00/{name}") is not None


def rows_name(name: str) -> str:
    """The name of the rows beside a record."""
    return layout.rows_beside(name)


def in_flight(files: Files, seen: Leaf) -> set[str]:
    """Which of the marked records (`<key>.aNN`) are on their way: the file that was linked as their mark is in tmp/."""
    found = set()
    for name in files.names("tmp") if seen.marks else ():
        kind, _, rest = name.partition("~")
        stem = rest.partition("=")[0]
        if kind != BACK or stem not in seen.marks:
            continue
        with contextlib.suppress(FileNotFoundError):  # it has just arrived
            content = files.read(f"tmp/{name}")
            if files.linked(f"{seen.path}/{stem}{MARK}") == content and not seen.is_moved_by_another(stem, content):
                found.add(stem)
    return found


class Shelf:
    """Packed records one by one; it keeps the leaf that it opened last."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._last: Leaf | None = None

    def find(self, path: str) -> Packed | None:
        """The packed record of this path, whether it was moved or not."""
        folder, _, name = path.rpartition("/")
        listed = frozenset(filter(packs.is_pack, self._files.names(folder)))
        if self._last is None or self._last.path != folder or set(self._last.packs) != listed:
            self._last = look(self._files, folder)
        return self._last.find(name)
