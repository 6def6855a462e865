"""Whether a correction still speaks of what was read."""

from __future__ import annotations

from dashtools.index.plates import allowed_edits, edits, fold


def is_still_of(said_of: str | None, read_as: str | None) -> int:
    """Is a correction meant for this read? A later run may have put another car under the same id.

    >>> is_still_of("A812CDE", "A812CDE"), is_still_of("A812CDE", "AB12CDF"), is_still_of("A812CDE", "XY99ZZZ")
    (1, 1, 0)
    """
    if said_of is None or said_of == read_as:
        return 1
    most = allowed_edits(len(said_of))
    return int(edits(fold(said_of), fold(read_as or ""), most) <= most)
