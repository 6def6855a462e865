"""Plate texts as people look for them: one form, one key per group of look-alikes, a distance."""

from __future__ import annotations

from dashtools.confusables import fold, normal

__all__ = ["allowed_edits", "edits", "fold", "normal"]


def allowed_edits(length: int) -> int:
    """How many edits still count as the same plate: none up to 3 characters, 1 up to 6, then 2.

    >>> [allowed_edits(n) for n in (3, 6, 7)]
    [0, 1, 2]
    """
    return 0 if length <= 3 else 1 if length <= 6 else 2


def edits(left: str, right: str, limit: int) -> int:
    """Levenshtein distance (1966), or limit + 1 as soon as it must be more.

    >>> edits("ABC12", "ABC21", 2), edits("ABC", "XYZ", 1)
    (2, 2)
    """
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)
