"""Web Mercator, the projection of map tiles (EPSG:3857): places in a square of side 1, west and north at 0."""

from __future__ import annotations

import math
from dataclasses import dataclass

EQUATOR_M = 40_075_016.686  # WGS 84
HIGHEST_LATITUDE = 85.051129


def of(latitude: float, longitude: float) -> tuple[float, float]:
    """A place in the unit square.

    >>> of(0.0, 0.0)
    (0.5, 0.5)
    """
    phi = math.radians(max(-HIGHEST_LATITUDE, min(HIGHEST_LATITUDE, latitude)))
    y = 0.5 - math.log(math.tan(math.pi / 4 + phi / 2)) / (2 * math.pi)
    return (longitude + 180.0) / 360.0, y if phi else 0.5


def back(x: float, y: float) -> tuple[float, float]:
    """Latitude and longitude of a place in the unit square.

    >>> back(0.5, 0.5)
    (0.0, 0.0)
    """
    latitude = math.degrees(2 * math.atan(math.exp((0.5 - y) * 2 * math.pi)) - math.pi / 2)
    return latitude if y != 0.5 else 0.0, (x * 360.0) % 360.0 - 180.0


@dataclass(frozen=True)
class View:
    """A picture's window on the world: `scale` picture units are the whole world; left and top of the window."""

    scale: float
    left: float
    top: float
    middle_longitude: float

    def place(self, latitude: float, longitude: float) -> tuple[float, float]:
        """A place in the picture; on the side of the 180th meridian that is nearer to the middle."""
        turn = (longitude - self.middle_longitude + 180.0) % 360.0 - 180.0
        x, y = of(latitude, self.middle_longitude + turn)
        return round(x * self.scale - self.left, 1), round(y * self.scale - self.top, 1)

    def per_metre(self, latitude: float) -> float:
        """Picture units per metre on the ground there."""
        return self.scale / (EQUATOR_M * max(0.01, math.cos(math.radians(latitude))))
