"""Two readings of one plate laid beside each other, character by character."""

from __future__ import annotations

_CONFUSABLE = ("O0DQ", "I1LJT", "B8", "S5", "Z2", "G6C", "A4", "VYU", "MNWH", "EF", "PR", "KX")
_CONFUSED_COST = 0.6  # of a plain substitution; an ordering hint from the project's own simulation
Pair = tuple[int | None, int | None]


def substitution_cost(a: str, b: str) -> float:
    """0 for the same character, less than 1 for look-alikes, else 1.

    >>> substitution_cost("O", "O"), substitution_cost("O", "0"), substitution_cost("O", "X")
    (0.0, 0.6, 1.0)
    """
    if a == b:
        return 0.0
    return _CONFUSED_COST if any(a in group and b in group for group in _CONFUSABLE) else 1.0


def align(a: str, b: str) -> tuple[float, tuple[Pair, ...]]:
    """The cheapest edit cost and which positions face each other; None faces a missing character.

    >>> align("AB1", "B1")
    (1.0, ((0, None), (1, 0), (2, 1)))
    """
    costs = _costs(a, b)
    pairs: list[Pair] = []
    i, j = len(a), len(b)
    while i or j:
        if i and j and _is(costs[i][j], costs[i - 1][j - 1] + substitution_cost(a[i - 1], b[j - 1])):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and _is(costs[i][j], costs[i - 1][j] + 1):
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    return costs[-1][-1], tuple(reversed(pairs))


def similarity(a: str, b: str) -> float:
    """1 for the same text, 0 for nothing in common; look-alikes count as partly the same.

    >>> similarity("B310VLV", "B310VLV"), similarity("", "")
    (1.0, 1.0)
    """
    longer = max(len(a), len(b))
    return 1.0 - _costs(a, b)[-1][-1] / longer if longer else 1.0


def edits(a: str, b: str) -> int:
    """Plain edit distance (Levenshtein).

    >>> edits("B310VLV", "8310VL")
    2
    """
    return round(_costs(a, b, plain=True)[-1][-1])


def _costs(a: str, b: str, *, plain: bool = False) -> list[list[float]]:
    table = [[float(j) for j in range(len(b) + 1)]]
    for i, left in enumerate(a, 1):
        row = [float(i)]
        for j, right in enumerate(b, 1):
            swap = float(left != right) if plain else substitution_cost(left, right)
            row.append(min(table[i - 1][j - 1] + swap, table[i - 1][j] + 1, row[j - 1] + 1))
        table.append(row)
    return table


def _is(a: float, b: float) -> bool:
    return abs(a - b) < 1e-9
