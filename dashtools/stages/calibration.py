"""How likely a text is exactly right, from what the reader says of itself and how many readings say it.

A reader's confidence of 0.9 for a plate is right six times in ten. The curve was fitted (logistic regression, Platt
1999) on 382 readings of the tuning half of the openalpr stills and three clips, as filmed, at scale 0.6, and at half
exposure in a hard JPEG; docs/accuracy.md shows how it does on the others.
"""

from __future__ import annotations

import math

_OFFSET = -1.875
_SLOPE = 1.071
_PER_DOUBLING = 1.0  # each doubling of the readings that say it; chosen on tracks of the tuning clips, degraded
_NEAR_SHARE = 0.25  # of a reading: one that says nearly the same supports it, and may be right instead
_FEWEST = 0.5  # a text voted together that nobody read as a whole
_EXTREMES = (0.01, 0.9995)


def probability(confidence: float, supporters: int, near: int = 0) -> float:
    """Chance that a plate's text is exactly right, 0..1.

    `confidence` is the vote's own, `supporters` counts independent readings of just this text, `near` those one
    character off.

    >>> probability(0.9, 1), probability(0.9, 4), probability(0.998, 1)
    (0.6173, 0.9226, 0.9917)
    """
    low, high = _EXTREMES
    clamped = min(high, max(low, confidence))
    heard = max(_FEWEST, supporters + _NEAR_SHARE * near)
    odds = _OFFSET + _SLOPE * math.log(clamped / (1 - clamped)) + _PER_DOUBLING * math.log2(heard)
    return round(1 / (1 + math.exp(-odds)), 4)
