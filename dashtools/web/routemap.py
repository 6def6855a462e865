"""A map without the internet: the camera's way as lines of an SVG, to scale, north up, with degrees at its edges."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dashtools.index.views import Point
from dashtools.web import mercator
from dashtools.web.mercator import View

WIDTH, HEIGHT, MARGIN = 640.0, 400.0, 28.0
FOOT = 32.0  # below the map, for the scale: nothing is drawn over it
SMALLEST_SPAN_M = 120.0  # a car that stands still must not fill the map with the receiver's noise
LONGEST_GAP_MS = 15_000
STEPS_M = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
STEPS_DEG = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 45.0)
SPEEDS_KMH = (30, 60, 100)
"""Where the colours of a way change."""
TILE_PX = 256
LOCATOR_ZOOM, LOCATOR_PX = 6, (220.0, 165.0)
NEAR_PX = 9.0  # marks that would cover each other are one


@dataclass(frozen=True)
class Mark:
    """A place to show: a sighting, or several of them."""

    latitude: float
    longitude: float
    label: str
    href: str | None = None
    bearing_deg: float | None = None
    kind: str = "seen"


@dataclass(frozen=True)
class Spot:
    """Marks at one place of the picture; the first says what it is."""

    x: float
    y: float
    mark: Mark
    count: int = 1


@dataclass(frozen=True)
class Line:
    """A piece of the way as `points` of a polyline; `pace` numbers its speed among SPEEDS_KMH, None if unknown."""

    points: str
    pace: int | None = None


@dataclass(frozen=True)
class Tick:
    """A meridian or parallel: where it crosses the picture, and its degrees."""

    at: float
    label: str


@dataclass(frozen=True)
class Locator:
    """Where in the country that is: tiles of one zoom around the middle, which lies at `x`, `y` of their pixels."""

    x: float
    y: float
    tiles: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Drawing:
    """What the template draws; `view` tells scripts which place lies where."""

    view: View
    ways: tuple[Line, ...]
    spots: tuple[Spot, ...]
    start: tuple[float, float] | None
    end: tuple[float, float] | None
    meridians: tuple[Tick, ...]
    parallels: tuple[Tick, ...]
    scale_px: float
    scale_label: str
    middle: tuple[float, float]
    width: float = WIDTH
    height: float = HEIGHT + FOOT
    foot: float = FOOT

    @property
    def locator(self) -> Locator | None:
        """The small map for a picture that shows too little to be recognised; None for one that shows enough."""
        count = 1 << LOCATOR_ZOOM
        if self.view.scale < count * TILE_PX * 4:
            return None
        x, y = (value * count * TILE_PX for value in mercator.of(*self.middle))
        columns = range(int((x - LOCATOR_PX[0] / 2) // TILE_PX), int((x + LOCATOR_PX[0] / 2) // TILE_PX) + 1)
        rows = range(int((y - LOCATOR_PX[1] / 2) // TILE_PX), int((y + LOCATOR_PX[1] / 2) // TILE_PX) + 1)
        tiles = [(LOCATOR_ZOOM, column, row) for row in rows for column in columns]
        return Locator(x, y, tuple(t for t in tiles if 0 <= t[1] < count and 0 <= t[2] < count))

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(line.points for line in self.ways)

    @property
    def has_speed(self) -> bool:
        return any(line.pace is not None for line in self.ways)


def draw(routes: Sequence[Sequence[Point]], marks: Sequence[Mark] = (), *, by_speed: bool = False) -> Drawing | None:
    """The drawing of routes and marks; None when there is no place at all."""
    places = [(p.latitude, p.longitude) for route in routes for p in route]
    places += [(m.latitude, m.longitude) for m in marks]
    if not places:
        return None
    view = _fit(places)
    ways = [line for route in routes for run in _unbroken(route) for line in _lines(view, run, by_speed)]
    ends = [p for route in routes for p in route]
    start = view.place(ends[0].latitude, ends[0].longitude) if ends else None
    end = view.place(ends[-1].latitude, ends[-1].longitude) if ends else None
    middle = mercator.back((view.left + WIDTH / 2) / view.scale, (view.top + HEIGHT / 2) / view.scale)
    px_per_m = view.per_metre(middle[0])
    length_m = _bar_m(px_per_m)
    label = f"{length_m / 1000:.0f} km" if length_m >= 1000 else f"{length_m} m"
    meridians, parallels = _grid(view, middle)
    bar_px = round(length_m * px_per_m, 1)
    spots = _spots(view, marks)
    return Drawing(view, tuple(ways), spots, start, end, meridians, parallels, bar_px, label, middle)


def _fit(places: Sequence[tuple[float, float]]) -> View:
    first = places[0][1]
    longitudes = [first + (lon - first + 180.0) % 360.0 - 180.0 for _, lon in places]
    xs = [mercator.of(0.0, lon)[0] for lon in longitudes]
    ys = [mercator.of(lat, 0.0)[1] for lat, _ in places]
    middle = mercator.back((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2)
    least = SMALLEST_SPAN_M / (mercator.EQUATOR_M * max(0.01, math.cos(math.radians(middle[0]))))
    span_x, span_y = max(max(xs) - min(xs), least), max(max(ys) - min(ys), least)
    scale = min((WIDTH - 2 * MARGIN) / span_x, (HEIGHT - 2 * MARGIN) / span_y)
    left = (min(xs) + max(xs)) / 2 * scale - WIDTH / 2
    return View(scale, left, (min(ys) + max(ys)) / 2 * scale - HEIGHT / 2, (min(longitudes) + max(longitudes)) / 2)


def _unbroken(route: Sequence[Point]) -> list[list[Point]]:
    runs: list[list[Point]] = []
    for point in route:
        if not runs or point.t_ms - runs[-1][-1].t_ms > LONGEST_GAP_MS:
            runs.append([])
        runs[-1].append(point)
    return runs


def _lines(view: View, run: Sequence[Point], by_speed: bool) -> Iterator[Line]:
    """One line, or one per stretch of like speed; each begins where the last one ended."""
    shown: list[tuple[float, float]] = []
    pace: int | None = None
    for point in run:
        place = view.place(point.latitude, point.longitude)
        own = pace_of(point.speed_mps) if by_speed else None
        if shown and own != pace:
            shown.append(place)
            yield Line(_points(shown), pace)
            shown = [place]
        elif not shown or abs(place[0] - shown[-1][0]) + abs(place[1] - shown[-1][1]) >= 0.8:
            shown.append(place)
        pace = own
    yield Line(_points(shown), pace)


def pace_of(speed_mps: float | None) -> int | None:
    """Which of the classes of SPEEDS_KMH a speed is in.

    >>> pace_of(5.0), pace_of(40.0), pace_of(None)
    (0, 3, None)
    """
    return None if speed_mps is None else sum(speed_mps * 3.6 >= limit for limit in SPEEDS_KMH)


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in places)


def _spots(view: View, marks: Sequence[Mark]) -> tuple[Spot, ...]:
    found: dict[tuple[int, int, str], Spot] = {}
    for mark in marks:
        x, y = view.place(mark.latitude, mark.longitude)
        key = (round(x / NEAR_PX), round(y / NEAR_PX), mark.kind)
        known = found.get(key)
        found[key] = Spot(x, y, mark) if known is None else Spot(known.x, known.y, known.mark, known.count + 1)
    return tuple(found.values())


def _bar_m(px_per_m: float) -> int:
    fitting = [step for step in STEPS_M if step * px_per_m <= WIDTH / 4]
    return fitting[-1] if fitting else STEPS_M[0]


def _grid(view: View, middle: tuple[float, float]) -> tuple[tuple[Tick, ...], tuple[Tick, ...]]:
    """Meridians and parallels at round degrees, about four of each."""
    wide = WIDTH / view.scale * 360.0
    step = next((s for s in STEPS_DEG if wide / s <= 5), STEPS_DEG[-1])
    digits = max(0, math.ceil(-math.log10(step)))
    (north, _), (south, _) = (mercator.back(0.5, (view.top + y) / view.scale) for y in (0.0, HEIGHT))
    west = middle[1] - wide / 2
    meridians = [_tick(view.place(0.0, lon)[0], lon, digits, "EW") for lon in _rounds(west, west + wide, step)]
    parallels = [_tick(view.place(lat, middle[1])[1], lat, digits, "NS") for lat in _rounds(south, north, step)]
    return tuple(meridians), tuple(parallels)


def _rounds(low: float, high: float, step: float) -> list[float]:
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _tick(at: float, degrees: float, digits: int, words: str) -> Tick:
    turned = (degrees + 180.0) % 360.0 - 180.0 if words == "EW" else degrees
    word = words[0] if turned >= 0 else words[1]
    return Tick(at, f"{abs(turned):.{digits}f}° {word}")
