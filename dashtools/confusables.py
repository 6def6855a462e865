"""Plate texts as people mean them: one form, and one key for each group of look-alikes."""

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
