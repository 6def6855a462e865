"""Maps drawn from positions alone."""

from __future__ import annotations

import pytest

from dashtools.index.views import Point
from dashtools.web.routemap import FOOT, HEIGHT, WIDTH, Mark, draw


def north(count: int, start: float = 52.0, longitude: float = 20.0) -> list[Point]:
    return [Point(1000 * n, start + n * 1e-4, longitude) for n in range(count)]


def places(line: str) -> list[tuple[float, float]]:
    return [tuple(float(v) for v in pair.split(",")) for pair in line.split()]  # type: ignore[misc]


def test_nothing_gives_no_map():
    assert draw([]) is None


def test_a_drive_to_the_north_goes_up():
    (line,) = draw([north(20)]).lines
    assert places(line)[0][1] > places(line)[-1][1]


@pytest.mark.parametrize("latitude, longitude", [(52.0, 20.0), (-33.9, 151.2), (69.6, 18.9), (0.001, 179.9995)])
def test_everything_lies_inside_the_picture(latitude, longitude):
    route = [Point(1000 * n, latitude + n * 1e-4, (longitude + n * 1e-4 + 180) % 360 - 180) for n in range(60)]
    drawing = draw([route], [Mark(latitude, longitude, "here")])
    found = [place for line in drawing.lines for place in places(line)] + [(s.x, s.y) for s in drawing.spots]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in found)
    assert drawing.height == HEIGHT + FOOT


def test_a_car_that_stands_does_not_fill_the_map_with_noise():
    route = [Point(1000 * n, 52.0 + (n % 2) * 1e-6, 20.0) for n in range(10)]
    (line,) = draw([route]).lines
    assert max(y for _, y in places(line)) - min(y for _, y in places(line)) < 3


def test_a_gap_in_time_is_not_drawn_over():
    later = [Point(p.t_ms + 60_000, p.latitude + 0.01, p.longitude) for p in north(5)]
    assert len(draw([north(5) + later]).lines) == 2


def test_the_scale_bar_is_as_long_as_it_says():
    drawing = draw([north(101)])
    assert (drawing.scale_label, drawing.scale_px) == ("500 m", pytest.approx(500 * 344 / 1112, abs=1))
