"""Positions: between fixes or nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtools.model import Fix, Track
from dashtools.stages.gps_align import Locator


def fix(t_ms: int, latitude: float = 52.0, longitude: float = 20.0, bearing: float = 0.0) -> Fix:
    return Fix(t_ms, True, latitude, longitude, 10.0, bearing)


def locator(*fixes: Fix, **options: float) -> Locator:
    return Locator(Track("novatek", fixes), **options)


def test_halfway_between_two_fixes_is_halfway() -> None:
    place = locator(fix(0, 52.0, 20.0), fix(1000, 52.2, 20.4)).at(500)
    assert (place.latitude, place.longitude) == (pytest.approx(52.1), pytest.approx(20.2))
    assert place.method == "interpolated" and place.reason is None


def test_bearings_go_the_short_way_round() -> None:
    assert locator(fix(0, bearing=350), fix(1000, bearing=20)).at(500).bearing_deg == pytest.approx(5)


def test_longitudes_go_the_short_way_over_the_date_line() -> None:
    place = locator(fix(0, 0.5, 179.9), fix(1000, 0.5, -179.9)).at(250)
    assert place.longitude == pytest.approx(179.95)


@pytest.mark.parametrize("at_ms", [-5000, 9000], ids=["before", "after"])
def test_nothing_is_extrapolated(at_ms: int) -> None:
    place = locator(fix(0), fix(1000)).at(at_ms)
    assert place.latitude is None and "extrapolated" in str(place.reason)


def test_a_fix_within_the_tolerance_stands_for_the_moment() -> None:
    assert locator(fix(0), fix(1000), tolerance_ms=200).at(1150).method == "fix"


def test_a_gap_wider_than_allowed_has_no_position() -> None:
    place = locator(fix(0), fix(8000), gap_max_s=3).at(4000)
    assert place.latitude is None and "8.0 s" in str(place.reason)


def test_void_slots_are_passed_over_but_not_filled_across_a_gap() -> None:
    void = [Fix(t, False) for t in (1000, 2000, 3000, 4000)]
    assert locator(fix(0), *void[:1], fix(2000)).at(1000).method == "interpolated"
    assert locator(fix(0), *void, fix(5000)).at(2500).latitude is None


def test_a_receiver_without_a_fix_says_so() -> None:
    track = Track("blackvue", (Fix(0, False), Fix(1000, False)))
    assert Locator(track).at(500).reason == "the receiver never had a fix"


def test_a_clip_without_a_track_gives_the_readers_reason() -> None:
    assert Locator(Track("none", note="no reader knows this camera")).at(0).reason == "no reader knows this camera"


def test_impossible_coordinates_are_no_fix() -> None:
    assert locator(fix(0, 0.0, 0.0), fix(1000, float("nan"), 20.0)).at(0).latitude is None


def test_the_offset_moves_video_time_before_the_look_up() -> None:
    place = locator(fix(0, 52.0), fix(1000, 53.0), offset_ms=500).at(0)
    assert place.latitude == pytest.approx(52.5)


@given(st.lists(st.tuples(st.integers(0, 60_000), st.floats(-80, 80)), max_size=12), st.integers(-5000, 65_000))
def test_a_position_always_lies_between_its_neighbours(slots: list[tuple[int, float]], at_ms: int) -> None:
    fixes = [fix(t, latitude or 0.1) for t, latitude in slots]
    place = locator(*fixes).at(at_ms)
    if place.latitude is None:
        assert place.reason
        return
    near = [f.latitude or 0 for f in fixes if abs(f.t_ms - at_ms) <= 3000]
    assert min(near) - 1e-6 <= place.latitude <= max(near) + 1e-6
