"""Places as squares of a hundredth of a degree (about 1 km), so that a box on the map is a list of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

PER_DEGREE = 100
ROW = 360 * PER_DEGREE
MOST_CELLS = 600  # a larger box is searched by time, for it holds much of what there is


def cell_of(latitude: float | None, longitude: float | None) -> int | None:
    """The square of a place.

    >>> cell_of(0.0, 0.0), cell_of(52.2297, 21.0122) == cell_of(52.2299, 21.0199), cell_of(None, 1.0)
    (324018000, True, None)
    """
    if latitude is None or longitude is None or not (math.isfinite(latitude) and math.isfinite(longitude)):
        return None
    row = math.floor((latitude + 90.0) * PER_DEGREE)
    return row * ROW + math.floor((longitude + 180.0) % 360.0 * PER_DEGREE)


@dataclass(frozen=True)
class Box:
    """A box on the map; one whose west lies east of its east crosses the 180th meridian."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def parse(cls, text: str) -> Box | None:
        """West, south, east, north in degrees; None for anything else.

        >>> Box.parse("20.9,52.1,21.1,52.3")
        Box(west=20.9, south=52.1, east=21.1, north=52.3)
        >>> Box.parse("20.9,52.3,21.1,52.1") is None
        True
        """
        try:
            west, south, east, north = (float(part) for part in text.split(","))
        except ValueError:
            return None
        is_right = -180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90
        return cls(west, south, east, north) if is_right else None

    @property
    def text(self) -> str:
        """As in a URL."""
        return ",".join(
            f"{value:.5f}".rstrip("0").rstrip(".") for value in (self.west, self.south, self.east, self.north)
        )

    def cells(self) -> list[int] | None:
        """The squares that it touches; None when they are too many to be listed."""
        rows = range(math.floor((self.south + 90) * PER_DEGREE), math.floor((self.north + 90) * PER_DEGREE) + 1)
        first = math.floor((self.west + 180) % 360 * PER_DEGREE)
        count = math.floor((self.east - self.west) % 360 * PER_DEGREE) + 2
        if len(rows) * count > MOST_CELLS:
            return None
        return [row * ROW + (first + step) % ROW for row in rows for step in range(count)]
