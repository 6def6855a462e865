"""How much of a picture changed: the most changed block between two small grey pictures.

The mean over the whole picture would hide a car that passes a standing one; a block the size of a
distant car does not. A change that all blocks share is light, not motion, and is taken out first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ANALYSIS_WIDTH_PX = 160
_BLOCK_PX = 10
_FULL_LEVELS = 32.0  # a block that changed by this many grey levels counts as wholly changed


def block_means(grey: NDArray[Any]) -> NDArray[Any]:
    """A grey picture as a small float32 one: pixels averaged in twos, ready for `motion`."""
    rows, columns = (side - side % 2 for side in grey.shape)
    quads = grey[:rows, :columns].astype(np.float32)
    return (quads[::2, ::2] + quads[1::2, ::2] + quads[::2, 1::2] + quads[1::2, 1::2]) / 4


def motion(before: NDArray[Any], after: NDArray[Any]) -> float:
    """Change of the most changed block, 0..1; 1 where the two sizes differ.

    >>> flat = np.full((20, 20), 50.0)
    >>> motion(flat, flat + 9)
    0.0
    """
    if before.shape != after.shape:
        return 1.0
    change = after - before
    change = np.abs(change - np.median(change))
    size = _BLOCK_PX // 2
    rows, columns = (max(size, side - side % size) for side in change.shape)
    blocks = change[:rows, :columns]
    if min(blocks.shape) < size:
        return round(min(1.0, float(blocks.mean()) / _FULL_LEVELS), 4)
    blocks = blocks.reshape(rows // size, size, columns // size, size).mean(axis=(1, 3))
    return round(min(1.0, float(blocks.max()) / _FULL_LEVELS), 4)
