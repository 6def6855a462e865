"""What is shown as a confidence is the chance that the text is exactly right."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtools.stages import calibration
from dashtools.stages.calibration import probability

SHARES = st.floats(0, 1)


def test_its_examples_hold() -> None:
    assert doctest.testmod(calibration).failed == 0


@given(SHARES, SHARES, st.integers(0, 40))
def test_a_surer_vote_is_never_less_likely(a: float, b: float, supporters: int) -> None:
    low, high = sorted((a, b))
    assert 0 <= probability(low, supporters) <= probability(high, supporters) <= 1


@given(SHARES, st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_more_readings_that_say_it_are_never_worth_less(confidence: float, a: int, b: int, near: int) -> None:
    low, high = sorted((a, b))
    assert probability(confidence, low, near) <= probability(confidence, high, near)


@pytest.mark.parametrize(("confidence", "supporters", "is_shown"), [(0.9, 1, True), (0.85, 1, False), (0.8, 2, True)])
def test_one_sure_reading_or_two_fair_ones_pass_the_usual_threshold(confidence, supporters, is_shown) -> None:
    assert (probability(confidence, supporters) >= 0.6) is is_shown
