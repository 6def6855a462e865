"""The Range header of RFC 9110, section 14, for one range of bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """Bytes first..last, both included."""

    first: int
    last: int

    @property
    def size_bytes(self) -> int:
        return self.last - self.first + 1


class Unsatisfiable(Exception):
    """No byte of the file lies in the range."""


def parse(header: str | None, size_bytes: int) -> Span | None:
    """The span that is asked for; None for the whole file (no, several, or malformed ranges: RFC 9110, 14.2).

    >>> parse("bytes=0-99", 1000), parse("bytes=-1", 1000), parse(None, 10)
    (Span(first=0, last=99), Span(first=999, last=999), None)
    """
    match = re.fullmatch(r"bytes=\s*(\d{0,19})-(\d{0,19})\s*", header or "", re.ASCII | re.IGNORECASE)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = int(match[2])
        if length == 0 or size_bytes == 0:
            raise Unsatisfiable
        return Span(max(0, size_bytes - length), size_bytes - 1)
    first, last = int(match[1]), int(match[2]) if match[2] else size_bytes - 1
    if match[2] and last < first:
        return None
    if first >= size_bytes:
        raise Unsatisfiable
    return Span(first, min(last, size_bytes - 1))
