"""How far a share measured on few cases may be from the true one."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

_Z95 = 1.959964  # of the normal distribution, two-sided
_DRAWS = 2000


@dataclass(frozen=True)
class Share:
    """`hits` of `count`, and the 95 % interval of the share."""

    hits: int
    count: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.hits / self.count if self.count else 0.0

    def text(self) -> str:
        """
        >>> wilson(8, 8).text()
        '8/8 1.000 [.68, 1.00]'
        """
        if not self.count:
            return "0/0"
        low, high = (f"{bound:.2f}".replace("0.", ".") for bound in (self.low, self.high))
        return f"{self.hits}/{self.count} {self.value:.3f} [{low}, {high}]"

    def to_json(self) -> dict[str, float]:
        return {"hits": self.hits, "count": self.count, "low": round(self.low, 4), "high": round(self.high, 4)}


def wilson(hits: int, count: int) -> Share:
    """A share of independent cases (Wilson 1927).

    >>> share = wilson(81, 98)
    >>> round(share.low, 2), round(share.high, 2)
    (0.74, 0.89)
    """
    if not count:
        return Share(0, 0, 0.0, 1.0)
    share, z2 = hits / count, _Z95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return Share(hits, count, max(0.0, centre - half), min(1.0, centre + half))


def by_cluster(outcomes: Sequence[tuple[str, bool]], seed: int = 1) -> Share:
    """A share of cases that come in clusters, as frames of one plate do: whole clusters are drawn again (bootstrap).

    Where all hit or all miss, drawing again says nothing: then the interval is that of as many cases as clusters.

    >>> by_cluster([("A", True), ("A", True), ("B", False)]).text()
    '2/3 0.667 [.00, 1.00]'
    >>> by_cluster([("A", True), ("A", True), ("B", True)]).text()
    '3/3 1.000 [.34, 1.00]'
    """
    clusters: dict[str, list[bool]] = {}
    for name, is_hit in outcomes:
        clusters.setdefault(name, []).append(is_hit)
    if not clusters:
        return Share(0, 0, 0.0, 1.0)
    rng, groups = random.Random(seed), [(sum(v), len(v)) for _, v in sorted(clusters.items())]
    hits, count = sum(h for h, _ in groups), sum(n for _, n in groups)
    if hits in (0, count):
        bounds = wilson(len(groups) if hits else 0, len(groups))
        return Share(hits, count, bounds.low, bounds.high)
    drawn = (rng.choices(groups, k=len(groups)) for _ in range(_DRAWS))
    shares = sorted(sum(hits for hits, _ in draw) / sum(count for _, count in draw) for draw in drawn)
    return Share(hits, count, shares[round(0.025 * _DRAWS)], shares[round(0.975 * _DRAWS) - 1])
