"""Distances, bearings and positions on the WGS 84 sphere; latitude before longitude, degrees."""

from __future__ import annotations

import math
from dataclasses import dataclass

EARTH_RADIUS_M = 6_371_008.8  # mean radius R1 (Moritz 1980, Geodetic Reference System)


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance by the haversine formula.

    >>> round(distance_m(0, 0, 0, 1) / 1000, 1)
    111.2
    """
    p1, p2 = math.radians(lat1), math.radians(lat2)
    dp, dl = p2 - p1, math.radians(lon2 - lon1)
    a = math.sin(dp / 2) ** 2 + math.cos(p1) * math.cos(p2) * math.sin(dl / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(a)))


@dataclass(frozen=True)
class Circle:
    """A place and all that is near it."""

    latitude: float
    longitude: float
    radius_m: float

    def holds(self, lat: float, lon: float) -> bool:
        """Does a position lie in it?

        >>> Circle(52.0, 20.0, 200.0).holds(52.001, 20.0), Circle(52.0, 20.0, 200.0).holds(52.002, 20.0)
        (True, False)
        """
        return distance_m(self.latitude, self.longitude, lat, lon) <= self.radius_m


def interpolate_longitude(lon1: float, lon2: float, share: float) -> float:
    """Longitude between two others along the short way, within [-180, 180).

    >>> interpolate_longitude(179.5, -179.5, 0.75)
    -179.75
    """
    step = (lon2 - lon1 + 180.0) % 360.0 - 180.0
    return (lon1 + share * step + 180.0) % 360.0 - 180.0


def interpolate_bearing(bearing1: float, bearing2: float, share: float) -> float:
    """Bearing between two others along the short way, within [0, 360).

    >>> interpolate_bearing(350.0, 10.0, 0.5)
    0.0
    """
    step = (bearing2 - bearing1 + 180.0) % 360.0 - 180.0
    return (bearing1 + share * step) % 360.0


def is_plausible(lat: float, lon: float) -> bool:
    """Could a receiver with a fix say this? Null island, NaN and out of range could not be.

    >>> is_plausible(52.2, 20.8), is_plausible(0.0, 0.0), is_plausible(float("nan"), 1.0)
    (True, False, False)
    """
    if not (math.isfinite(lat) and math.isfinite(lon)):
        return False
    return abs(lat) <= 90 and abs(lon) <= 180 and not (abs(lat) < 1e-9 and abs(lon) < 1e-9)
