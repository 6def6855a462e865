"""How well clocks agree, and tracks that contradict themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashtools.model import Fix, Track
from dashtools.stages.clock import doubts, uncertainty_ms
from dashtools.stages.gps_align import Locator

NORTH_10_M = 10 / 111_195


def fixes(count: int = 20, *, step: float = NORTH_10_M, speed: float | None = 10.0, stray_ms: int = 0) -> list[Fix]:
    return [
        Fix(1000 * k + (stray_ms if k % 2 else 0), True, 48.0 + k * step, 16.0, speed, 0.0,
            utc=f"2024-01-15T13:23:{k:02d}Z")
        for k in range(count)
    ]  # fmt: skip


def test_a_constant_difference_of_the_clocks_is_no_uncertainty():
    late = [replace(fix, t_ms=fix.t_ms + 960) for fix in fixes()]
    assert uncertainty_ms(Track("x", tuple(late))) == 0


def test_stamps_that_stray_are_the_uncertainty_and_one_outlier_is_not():
    assert uncertainty_ms(Track("x", tuple(fixes(stray_ms=800)))) == 400
    jumped = [*fixes(19), replace(fixes(20)[19], t_ms=90_000)]
    assert uncertainty_ms(Track("x", tuple(jumped))) == 0


def test_what_the_reader_assumed_is_not_less_than_it_says_and_nothing_is_none():
    assert uncertainty_ms(Track("x", tuple(fixes()), uncertainty_ms=1000)) == 1000
    assert uncertainty_ms(Track("x", (Fix(0, False),))) is None


def test_beyond_the_tolerance_the_position_is_kept_with_its_uncertainty():
    track = Track("x", tuple(fixes()), uncertainty_ms=1200)
    found = Locator(track, tolerance_ms=200).at(1500)
    assert found.latitude == pytest.approx(48.0 + 1.5 * NORTH_10_M, abs=1e-7) and found.method == "interpolated"
    assert "within 1.2 s only (limit 0.2 s)" in found.reason
    assert Locator(track, tolerance_ms=1500).at(1500).reason is None


CASES = {
    "phantom": (fixes(step=0.0), "speed without movement for 19 fixes"),
    "silent": (fixes(speed=0.0), "movement without speed for 19 fixes"),
    "parked": (fixes(step=0.0, speed=0.0), "stationary"),
    "jump": ([*fixes(10), *(replace(f, latitude=50.0 + f.latitude / 1e6) for f in fixes(20)[10:])], "1 jumps faster"),
}


@pytest.mark.parametrize(("found", "said"), CASES.values(), ids=CASES)
def test_a_track_that_contradicts_itself_is_told(found, said):
    assert any(line.startswith(said) for line in doubts(Track("x", tuple(found))))


def test_a_plain_drive_raises_no_doubt():
    assert doubts(Track("x", tuple(fixes()))) == []
