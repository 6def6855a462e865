"""A pack: the final records of a leaf, with their rows, in one compressed JSON-lines file that `zcat` reads.

    {"schema":"pack/1","names":[…],"moved":{…},"offsets":[…]}                    the first line: what is in it
    {"name":"<key>.aNN.json","record":{…},"rows":[{…},…]}                        a line for each record, by name

A pack never changes: it is written aside, renamed to a name that was never used, and removed when what it holds is
in another. `names` are those that the records had as files. `moved` (<key>.aNN) were brought back to pending/ and do
not count any more, in whatever pack or file they still are; beside each stands the digest of the mark by which it was
moved. What a pack says of this, its followers say.

The file is a row of gzip members (RFC 1952, section 2.2): the first line, then so many records each, beginning
`offsets` bytes after the first line's member. One record is found by opening two members. The bytes of each file come
out as they went in: what cannot be given back to the byte is not packed.
"""

from __future__ import annotations

import bisect
import gzip
import hashlib
import itertools
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import orjson

from dashtools.errors import BadInput, TaskSystemError
from dashtools.model import Json, Task

SCHEMA = "pack/1"
MEMBER_RECORDS = 256
LEVEL = 6  # gzip(1)'s own; 9 takes three times as long for 2 % less
_GZIP = 31  # zlib's wbits for "a gzip header, the largest window"


@dataclass(frozen=True)
class Packed:
    """A record in a pack; `rows` None: it had no file of rows."""

    name: str
    record: Json
    rows: tuple[Json, ...] | None

    @property
    def task(self) -> Task:
        return Task.from_json(self.record)

    def record_bytes(self) -> bytes:
        """The record's file as it was."""
        return orjson.dumps(self.record, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def rows_bytes(self) -> bytes | None:
        """Its file of rows as it was."""
        return None if self.rows is None else b"".join(orjson.dumps(row) + b"\n" for row in self.rows)

    def line(self) -> bytes:
        """The line of the pack."""
        value: Json = {"name": self.name, "record": self.record}
        return orjson.dumps(value if self.rows is None else {**value, "rows": self.rows}) + b"\n"


def is_pack(name: str) -> bool:
    """Is this the name of a pack?

    >>> is_pack("pack~0123456789abcdef.jsonl.gz"), is_pack("20240115T142500000000-x.a01.json")
    (True, False)
    """
    return name.startswith("pack~") and name.endswith(".jsonl.gz")


def new_name() -> str:
    """A name that no pack ever had."""
    return f"pack~{uuid.uuid4().hex[:16]}.jsonl.gz"


def stem(name: str) -> str:
    """`<key>.aNN` of a record's name.

    >>> stem("20240115T142500000000-x.a01.err.json")
    '20240115T142500000000-x.a01'
    """
    return name.removesuffix(".json").removesuffix(".err")


def digest(mark: bytes) -> str:
    """What a pack says of the mark by which a record was moved: the mark names who made it."""
    return hashlib.blake2b(mark, digest_size=8).hexdigest()


def packed(name: str, record: bytes, rows: bytes | None) -> Packed:
    """The packed form of a record and its rows; BadInput where the bytes could not be given back."""
    try:
        value = orjson.loads(record)
        lines = None if rows is None else tuple(orjson.loads(line) for line in rows.splitlines())
    except orjson.JSONDecodeError as error:
        raise BadInput(f"{name}: not JSON: {error}") from error
    found = Packed(name, value, lines)
    if found.record_bytes() != record or found.rows_bytes() != rows:
        raise BadInput(f"{name}: it was written in another way than ours and could not be given back to the byte")
    return found


def to_bytes(records: Iterable[Packed], moved: Mapping[str, str]) -> bytes:
    """The content of a pack; the records sorted by name. The same records give the same bytes."""
    names: list[str] = []
    offsets: list[int] = []
    members: list[bytes] = []
    size = 0
    todo = iter(records)
    while group := list(itertools.islice(todo, MEMBER_RECORDS)):
        names += [record.name for record in group]
        offsets.append(size)
        members.append(gzip.compress(b"".join(record.line() for record in group), LEVEL, mtime=0))
        size += len(members[-1])
    if names != sorted(set(names)):
        raise ValueError("records of a pack must be sorted by name, each once")
    first = {"schema": SCHEMA, "names": names, "moved": dict(sorted(moved.items())), "offsets": offsets}
    return b"".join([gzip.compress(orjson.dumps(first) + b"\n", LEVEL, mtime=0), *members])


class Pack:
    """What a pack holds; only the first line is unpacked until records are asked for."""

    def __init__(self, content: bytes, where: str = "a pack") -> None:
        self._where = where
        try:
            opened = zlib.decompressobj(_GZIP)
            first = orjson.loads(opened.decompress(content))
            is_ours = first["schema"] == SCHEMA
            self.names: tuple[str, ...] = tuple(first["names"])
            self.moved: dict[str, str] = dict(first["moved"])
            self._offsets: list[int] = [*first["offsets"], len(opened.unused_data)]
        except (zlib.error, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise self._damaged(error) from error
        if not is_ours:
            raise TaskSystemError(f"{where} is of {first['schema']!r}, this program knows {SCHEMA}; update it")
        self._members = opened.unused_data
        self._last: tuple[int, list[Packed]] = (-1, [])

    def __iter__(self) -> Iterator[Packed]:
        """Every record, by name."""
        for number in range(len(self._offsets) - 1):
            yield from self._member(number)

    def find(self, name: str) -> Packed | None:
        """The record of a name."""
        place = bisect.bisect_left(self.names, name)
        if place == len(self.names) or self.names[place] != name:
            return None
        return self._member(place // MEMBER_RECORDS)[place % MEMBER_RECORDS]

    def _member(self, number: int) -> list[Packed]:
        if self._last[0] != number:
            self._last = (number, self._unpack(number))
        return self._last[1]

    def _unpack(self, number: int) -> list[Packed]:
        try:
            text = gzip.decompress(self._members[self._offsets[number] : self._offsets[number + 1]])
            values = [orjson.loads(line) for line in text.splitlines()]
            found = [
                Packed(v["name"], v["record"], None if v.get("rows") is None else tuple(v["rows"])) for v in values
            ]
        except (OSError, EOFError, zlib.error, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise self._damaged(error) from error
        first = number * MEMBER_RECORDS
        if tuple(record.name for record in found) != self.names[first : first + MEMBER_RECORDS]:
            raise self._damaged("its records are not those of its first line")
        return found

    def _damaged(self, why: object) -> TaskSystemError:
        return TaskSystemError(f"{self._where} is damaged ({why}); put it back from a backup, nothing else holds it")
