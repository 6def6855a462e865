"""Plates a few edits away, found by index: with two edits at most, two of four parts of a plate stay whole.

A plate is cut into four parts of about equal length; schema.sql has an index of each pair of them (plates_parts_<ij>).
The query looks up every place where such a pair could lie in it, as PASS-JOIN does with single segments (Li, Deng,
Wang, Feng 2011): parts may be shifted against each other by insertions, and each shift costs as many edits. Pairs keep
the candidates few even where half of all plates begin alike.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import combinations

from dashtools.index.plates import meter

PARTS = 4
PAIRS = tuple(combinations(range(PARTS), 2))
MOST_EDITS = 2  # three edits may leave one part only
MOST_MEASURED = 20_000  # of very short texts; more says little


def part_sql(number: int) -> str:
    """The SQL of a part of `folded`.

    >>> part_sql(1)
    'substr(folded, 1 + length(folded) * 1 / 4, length(folded) * 2 / 4 - length(folded) * 1 / 4)'
    """
    start, end = (f"length(folded) * {k} / {PARTS}" for k in (number, number + 1))
    return f"substr(folded, 1 + {start}, {end} - {start})"


def pair_sql(pair: tuple[int, int]) -> str:
    """The SQL of two parts, as schema.sql has it in an index."""
    return " || ".join(part_sql(number) for number in pair)


def near(connection: sqlite3.Connection, key: str, most: int) -> dict[int, int]:
    """The numbers of plates whose folded text is 1 to `most` edits from the key, with their edits."""
    distances: dict[str, int] = {}
    found, measure = {}, meter(key)
    for folded, plate_no in _candidates(connection, key, min(most, MOST_EDITS)):
        if folded not in distances:
            if len(distances) == MOST_MEASURED:
                break
            distances[folded] = measure(folded)
        if 0 < distances[folded] <= most:
            found[plate_no] = distances[folded]
    return found


def _candidates(connection: sqlite3.Connection, key: str, most: int) -> Iterator[tuple[str, int]]:
    for length in range(max(1, len(key) - most), len(key) + most + 1):
        for pair in PAIRS:
            texts = sorted(texts_of(key, length, pair, most))
            marks = ", ".join("?" * len(texts))
            yield from connection.execute(
                f"SELECT folded, plate_no FROM plates WHERE length(folded) = ? AND {pair_sql(pair)} IN ({marks})",
                (length, *texts),
            )


def texts_of(key: str, length: int, pair: tuple[int, int], most: int) -> set[str]:
    """What the pair of a plate of this length can be, if the plate is at most `most` edits from the key.

    >>> sorted(texts_of("ABCDEFG", 7, (0, 3), 1))
    ['AFG']
    """
    texts = set()
    (start, end), (later, last) = ((length * k // PARTS, length * (k + 1) // PARTS) for k in pair)
    for shift in range(-most, most + 1):
        for second in range(-most, most + 1):
            cost = abs(shift) + abs(second - shift) + abs(len(key) - length - second)
            if cost <= most and start + shift >= 0 and end + shift <= later + second and last + second <= len(key):
                texts.add(key[start + shift : end + shift] + key[later + second : last + second])
    return texts
