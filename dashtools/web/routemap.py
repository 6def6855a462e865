"""A map without the internet: the camera's route as lines of an SVG, to scale, north up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dashtools.geodesy import EARTH_RADIUS_M
from dashtools.index.views import Point

WIDTH, HEIGHT, MARGIN = 640.0, 400.0, 28.0
FOOT = 32.0  # below the map, for the scale: nothing is drawn over it
SMALLEST_SPAN_M = 120.0  # a car that stands still must not fill the map with the receiver's noise
LONGEST_GAP_MS = 15_000
STEPS_M = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000)


@dataclass(frozen=True)
class Mark:
    """A place to show: a sighting, or several of them."""

    latitude: float
    longitude: float
    label: str
    href: str | None = None
    bearing_deg: float | None = None


@dataclass(frozen=True)
class Spot:
    """A mark in the picture."""

    x: float
    y: float
    mark: Mark


@dataclass(frozen=True)
class Drawing:
    """What the template draws: polylines as `points` texts, spots, and a scale bar."""

    width: float
    height: float
    lines: tuple[str, ...]
    spots: tuple[Spot, ...]
    start: tuple[float, float] | None
    end: tuple[float, float] | None
    scale_px: float
    scale_label: str


@dataclass(frozen=True)
class _Frame:
    middle_latitude: float
    middle_longitude: float
    px_per_m: float

    def place(self, latitude: float, longitude: float) -> tuple[float, float]:
        east_m, north_m = _offset_m(self.middle_latitude, self.middle_longitude, latitude, longitude)
        return (round(WIDTH / 2 + east_m * self.px_per_m, 1), round(HEIGHT / 2 - north_m * self.px_per_m, 1))


def draw(routes: Sequence[Sequence[Point]], marks: Sequence[Mark] = ()) -> Drawing | None:
    """The drawing of routes and marks; None when there is no place at all."""
    places = [(p.latitude, p.longitude) for route in routes for p in route]
    places += [(m.latitude, m.longitude) for m in marks]
    if not places:
        return None
    frame = _fit(places)
    lines = [_line(frame, run) for route in routes for run in _unbroken(route)]
    spots = tuple(Spot(*frame.place(m.latitude, m.longitude), m) for m in marks)
    ends = [p for route in routes for p in route]
    start = frame.place(ends[0].latitude, ends[0].longitude) if ends else None
    end = frame.place(ends[-1].latitude, ends[-1].longitude) if ends else None
    length_m = _bar_m(frame.px_per_m)
    label = f"{length_m / 1000:.0f} km" if length_m >= 1000 else f"{length_m} m"
    return Drawing(WIDTH, HEIGHT + FOOT, tuple(lines), spots, start, end, round(length_m * frame.px_per_m, 1), label)


def _offset_m(lat0: float, lon0: float, lat: float, lon: float) -> tuple[float, float]:
    """East and north of a middle, on a plane: right to 0.1 % over a day's drive, which a small map cannot show."""
    turn = (lon - lon0 + 180.0) % 360.0 - 180.0
    east_m = math.radians(turn) * EARTH_RADIUS_M * math.cos(math.radians(lat0))
    return east_m, math.radians(lat - lat0) * EARTH_RADIUS_M


def _fit(places: Sequence[tuple[float, float]]) -> _Frame:
    lat0, lon0 = places[0]
    offsets = [_offset_m(lat0, lon0, lat, lon) for lat, lon in places]
    west, east = min(e for e, _ in offsets), max(e for e, _ in offsets)
    south, north = min(n for _, n in offsets), max(n for _, n in offsets)
    span_x, span_y = max(east - west, SMALLEST_SPAN_M), max(north - south, SMALLEST_SPAN_M)
    px_per_m = min((WIDTH - 2 * MARGIN) / span_x, (HEIGHT - 2 * MARGIN) / span_y)
    middle_latitude = lat0 + math.degrees((south + north) / 2 / EARTH_RADIUS_M)
    across_m = EARTH_RADIUS_M * max(0.01, math.cos(math.radians(lat0)))
    return _Frame(middle_latitude, lon0 + math.degrees((west + east) / 2 / across_m), px_per_m)


def _unbroken(route: Sequence[Point]) -> list[list[Point]]:
    runs: list[list[Point]] = []
    for point in route:
        if not runs or point.t_ms - runs[-1][-1].t_ms > LONGEST_GAP_MS:
            runs.append([])
        runs[-1].append(point)
    return runs


def _line(frame: _Frame, run: Sequence[Point]) -> str:
    shown: list[tuple[float, float]] = []
    for point in run:
        place = frame.place(point.latitude, point.longitude)
        if not shown or abs(place[0] - shown[-1][0]) + abs(place[1] - shown[-1][1]) >= 0.8:
            shown.append(place)
    return " ".join(f"{x:g},{y:g}" for x, y in shown)


def _bar_m(px_per_m: float) -> int:
    fitting = [step for step in STEPS_M if step * px_per_m <= WIDTH / 4]
    return fitting[-1] if fitting else STEPS_M[0]
