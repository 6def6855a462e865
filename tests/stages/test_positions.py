"""Frames between fixes get positions: on a known way, how many and how far off."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashtools.geodesy import distance_m
from dashtools.model import Fix, Track
from dashtools.stages.gps_align import Locator

METRES_PER_DEGREE = 111_195.0
FPS = 30


def way(at_s: float) -> tuple[float, float]:
    """A drive at 14 m/s through bends of 120 m radius, as latitude and longitude in London."""
    angle = math.sin(at_s / 9) * 1.4
    east = 14 * at_s * 0.6 + 60 * math.sin(at_s / 9)
    north = 14 * at_s * 0.6 - 40 * math.cos(angle)
    return 51.5 + north / METRES_PER_DEGREE, -0.12 + east / METRES_PER_DEGREE / math.cos(math.radians(51.5))


def track(seconds: range, step_s: int) -> Track:
    return Track("x", tuple(Fix(1000 * s, True, *way(s), 14.0, 0.0) for s in seconds if s % step_s == 0))


@pytest.mark.parametrize(("step_s", "mean_m"), [(1, 0.5), (2, 0.5), (3, 1.0)])
def test_every_frame_between_fixes_three_seconds_apart_or_less_has_a_position(step_s, mean_m):
    locator = Locator(track(range(61), step_s), tolerance_ms=200, gap_max_s=3)
    errors = []
    for frame in range(60 * FPS + 1):
        at_ms = round(1000 * frame / FPS)
        found = locator.at(at_ms)
        assert found.latitude is not None and found.longitude is not None, (frame, found.reason)
        errors.append(distance_m(found.latitude, found.longitude, *way(at_ms / 1000)))
    assert sum(errors) / len(errors) <= mean_m


def test_across_a_wider_gap_and_outside_there_is_none_and_a_reason():
    locator = Locator(track(range(10, 50), 4), tolerance_ms=200, gap_max_s=3)
    for at_ms in (0, 14_000, 60_000):
        found = locator.at(at_ms)
        assert found.latitude is None and found.reason
    assert locator.at(12_100).latitude is not None  # beside a fix, within the tolerance


@settings(max_examples=300, deadline=None)
@given(
    st.floats(-60, 60),
    st.floats(-180, 180),
    st.floats(0, 359.99),
    st.integers(1, 3000),
    st.integers(0, 3000),
)
def test_a_position_lies_on_the_short_way_between_its_fixes(latitude, longitude, bearing, gap_ms, at_ms):
    """Also across the antimeridian and north."""
    far = (longitude + 0.0004 + 180.0) % 360.0 - 180.0
    fixes = (
        Fix(0, True, latitude, longitude, 10.0, bearing),
        Fix(gap_ms, True, latitude + 0.0003, far, 12.0, (bearing + 20) % 360),
    )
    found = Locator(Track("x", fixes)).at(min(at_ms, gap_ms))
    if found.latitude is None:
        assert abs(latitude) < 1e-9 or abs(longitude) < 1e-3
        return
    whole = distance_m(latitude, longitude, latitude + 0.0003, far)
    way_m = distance_m(latitude, longitude, found.latitude, found.longitude)
    way_m += distance_m(found.latitude, found.longitude, latitude + 0.0003, far)
    assert way_m == pytest.approx(whole, abs=0.1)
    assert 10.0 <= found.speed_mps <= 12.0 and (found.bearing_deg - bearing) % 360 <= 20.01
