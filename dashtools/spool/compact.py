"""Packs old leaves of complete/: one compressed file in place of thousands, at any time, by anybody.

1. The records that count, loose and packed, are written as a new pack in tmp/, synced and read back whole.
2. It is renamed into the leaf, under a name that no pack ever had. Nothing was taken away yet; who dies here leaves
   everything in two places that say the same.
3. What it holds is removed: loose records, then their rows, then the packs that were read. Exactly those, by name:
   what another brought meanwhile stays.

Two who pack a leaf at once leave two packs that say the same, and the next makes one of them. A record that is
requeued meanwhile is in the new pack and does not count, for the mark of what was moved lies beside it. A pack takes
over what marks say, with a digest of each, so that who made it knows himself again; a mark goes when it is 36 hours old
and a pack that was there before says the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson

from dashtools.errors import BadInput
from dashtools.spool import layout, packs, scan
from dashtools.spool import leaf as leaves
from dashtools.spool.atomic import Files
from dashtools.spool.leaf import MARK, Leaf
from dashtools.spool.packs import Pack, Packed
from dashtools.spool.queue import Spool
from dashtools.times import UTC

MARKS_LIFE_S = 36 * 3600.0  # longer than anybody stands between looking at a record and marking it


class _Unfinished(Exception):
    """The leaf holds a record that is not activated yet."""


@dataclass
class Compacted:
    """What was made of a leaf: the new pack, if one was needed, and what went."""

    leaf: str
    pack: str | None = None
    records: int = 0
    size_bytes: int = 0
    removed: int = 0
    left: list[str] = field(default_factory=list)
    """Why files stay loose."""


def old_leaves(spool: Spool, older_than_s: float) -> Iterator[str]:
    """Leaves whose tasks were all made longer ago, by the file server's clock."""
    limit = spool.now() - timedelta(seconds=older_than_s)
    for leaf in scan.leaves(spool.files):
        ends = _end_of(leaf)
        if ends is not None and ends <= limit:
            yield leaf


def _end_of(leaf: str) -> datetime | None:
    """When the hour of a leaf ended; None for a folder that is no leaf."""
    try:
        start = datetime.strptime("".join(leaf.split("/")[2:])[:10], "%Y%m%d%H").replace(tzinfo=UTC)
    except ValueError:
        return None
    return start + timedelta(hours=1)


class Compactor:
    """Packs leaves of one spool."""

    def __init__(self, spool: Spool) -> None:
        self._spool, self._files = spool, spool.files

    def compact(self, path: str) -> Compacted | None:
        """The leaf packed; None where nothing is to be done, or where something in it is not finished yet."""
        seen = leaves.look(self._files, path)
        if not seen.loose and not seen.loose_rows and not seen.marks and len(seen.packs) < 2:
            return None
        if self._activate(seen):
            seen = leaves.look(self._files, path)
        if not self._is_finished(seen):
            return None
        going, moved = leaves.in_flight(self._files, seen), seen.told()
        for stem in sorted(seen.marks - moved.keys()):
            mark = self._files.linked(f"{path}/{stem}{MARK}")
            if mark is not None:
                moved[stem] = packs.digest(mark)
        batch = _Batch(self._files, seen, going)
        try:
            content = packs.to_bytes(batch.records(), moved)
        except _Unfinished:
            return None
        if batch.bare and not batch.bare.isdisjoint(self._files.names(path)):
            return None  # their rows came after we had looked; a complete record's are there before it
        done = Compacted(path, records=len(batch.names), size_bytes=len(content), left=batch.left)
        kept = self._same(seen, content)
        if kept is None:
            kept = done.pack = self._publish(path, content)
        done.removed = self._remove(seen, batch, going, kept)
        return done

    def _activate(self, seen: Leaf) -> bool:
        """Finishes committed attempts of the loose records; was there any?"""
        found = False
        for name in self._files.names("staging"):
            key, attempt = layout.parse_staging(name) or ("", 0)
            record = next((n for n in seen.loose if n.startswith(f"{key}.a{attempt:02d}.")), None) if key else None
            if record is not None:
                self._spool.activate(f"staging/{name}", f"{seen.path}/{record}")
                found = True
        return found

    def _is_finished(self, seen: Leaf) -> bool:
        """Is no attempt of the loose records half done?"""
        keys = {name.rpartition(".a")[0] for name in seen.loose}
        return not any((layout.parse_staging(name) or ("",))[0] in keys for name in self._files.names("staging"))

    def _same(self, seen: Leaf, content: bytes) -> str | None:
        """The only pack, if it holds just this already: then somebody died before he had removed the rest."""
        if len(seen.packs) != 1:
            return None
        (name,) = seen.packs
        return name if self._files.read(f"{seen.path}/{name}") == content else None

    def _publish(self, path: str, content: bytes) -> str:
        name = packs.new_name()
        scratch = f"tmp/{name}~{self._spool.me.worker}"
        raise_layout(self._spool)
        self._files.write(scratch, content)
        for _ in Pack(self._files.read(scratch), str(self._files.root / scratch)):
            pass  # whole, or an error that leaves all the originals
        self._files.rename(scratch, f"{path}/{name}")
        self._files.sync_folder(path)
        return name

    def _remove(self, seen: Leaf, batch: _Batch, going: set[str], kept: str) -> int:
        """Removes what the pack holds; what was being moved when we looked stays for another time."""
        gone = [name for name in batch.taken if packs.stem(name) not in going]
        gone += [name for name in sorted(seen.loose) if packs.stem(name) in seen.moved - going]
        rows = [leaves.rows_name(name) for name in gone] + batch.orphans
        gone += [name for name in rows if name in seen.loose_rows]
        gone += [name for name in seen.packs if name != kept]
        gone += self._old_marks(seen, going)
        for name in gone:
            self._files.unlink(f"{seen.path}/{name}")
        return len(gone)

    def _old_marks(self, seen: Leaf, going: set[str]) -> list[str]:
        names = [f"{stem}{MARK}" for stem in sorted((seen.marks & seen.told().keys()) - going)]
        if not names:
            return []
        limit = self._spool.now().timestamp() - MARKS_LIFE_S
        return [name for name in names if self._files.mtime_ns(f"{seen.path}/{name}") / 1e9 < limit]


class _Batch:
    """The records of a leaf that its new pack will hold, read one after another."""

    def __init__(self, files: Files, seen: Leaf, going: set[str]) -> None:
        self._files, self._seen, self._going = files, seen, going
        self.names: list[str] = []
        self.taken: list[str] = []
        """Names of loose records that are in it now."""
        self.orphans: list[str] = []
        """Names of loose rows whose record is packed already."""
        self.left: list[str] = []
        self.bare: set[str] = set()
        """Names that the rows of records would have which had none when we looked."""

    def records(self) -> Iterator[Packed]:
        """Sorted by name; _Unfinished when one is not activated yet."""
        for name in self._seen.names(self._going):
            record = self._loose(name) if name in self._seen.loose else self._packed(name)
            if record is not None:
                self.names.append(name)
                yield record

    def _loose(self, name: str) -> Packed | None:
        rows = leaves.rows_name(name)
        try:
            content = self._files.read(f"{self._seen.path}/{name}")
            lines = self._files.read(f"{self._seen.path}/{rows}") if rows in self._seen.loose_rows else None
            record = packs.packed(name, content, lines)
            _refuse_unfinished(record)
        except FileNotFoundError:
            return self._seen.find(name)  # moved, or packed by another just now
        except BadInput as error:
            self.left.append(str(error))
            return None
        if lines is None:
            before = self._seen.find(name)
            record = record if before is None else Packed(name, record.record, before.rows)
            self.bare |= {rows} if record.rows is None else set()
        self.taken.append(name)
        return record

    def _packed(self, name: str) -> Packed | None:
        record, rows = self._seen.find(name), leaves.rows_name(name)
        if record is None or rows not in self._seen.loose_rows:
            return record
        try:  # rows that were brought when their record was packed already
            lines = self._files.read(f"{self._seen.path}/{rows}")
            record = Packed(name, record.record, packs.packed(name, record.record_bytes(), lines).rows)
        except FileNotFoundError:
            return record
        except BadInput as error:
            self.left.append(str(error))
            return record
        self.orphans.append(rows)
        return record


def _refuse_unfinished(record: Packed) -> None:
    entry = layout.parse(f"complete/T/2000/01/01/00/{record.name}")
    is_final = record.record.get("state") == "complete" and entry is not None
    if not is_final or record.record.get("attempt") != entry.attempt:  # type: ignore[union-attr]
        raise _Unfinished(record.name)


def raise_layout(spool: Spool) -> None:
    """Says in VERSION that this spool may hold packs, so that programs which do not know them keep away."""
    content = spool.files.linked("VERSION")
    version = orjson.loads(content or b"{}")
    if version.get("layout") == layout.LAYOUT_VERSION:
        return
    path = "VERSION/content" if spool.files.names("VERSION") else "VERSION"
    new = orjson.dumps({**version, "layout": layout.LAYOUT_VERSION})
    spool.files.replace(path, new, f"tmp/VERSION~{spool.me.worker}")
