"""Plate texts as people look for them: one form, one key per group of look-alikes, a distance."""

from __future__ import annotations

import re

CONFUSABLE = str.maketrans({"O": "0", "D": "0", "I": "1", "B": "8", "S": "5", "Z": "2", "G": "6"})
NOT_PLATE = re.compile(r"[^A-Z0-9]")


def normal(text: str) -> str:
    """Upper-case letters and digits only.

    >>> normal("ab-12 c")
    'AB12C'
    """
    return NOT_PLATE.sub("", text.upper())


def fold(text: str) -> str:
    """The same key for texts that differ only in characters that readers confuse.

    >>> fold("B0S1"), fold("8D5I")
    ('8051', '8051')
    """
    return text.translate(CONFUSABLE)


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


def pieces(text: str, count: int) -> list[str]:
    """The text in `count` parts of about equal length; with count - 1 edits one part stays whole.

    >>> pieces("ABC1234", 3)
    ['AB', 'C1', '234']
    """
    cuts = [len(text) * k // count for k in range(count + 1)]
    return [text[a:b] for a, b in zip(cuts, cuts[1:]) if b > a]
