"""Folding and distances of plate texts."""

from __future__ import annotations

import doctest

from hypothesis import given
from hypothesis import strategies as st

from dashtools.index import derive, moments, near, plates, reasons, records, rows


def plain_edits(left: str, right: str) -> int:
    if not left or not right:
        return len(left) + len(right)
    if left[0] == right[0]:
        return plain_edits(left[1:], right[1:])
    return 1 + min(plain_edits(left[1:], right), plain_edits(left, right[1:]), plain_edits(left[1:], right[1:]))


@given(st.text("AB1", max_size=6), st.text("AB1", max_size=6), st.integers(0, 3))
def test_edits_are_the_plain_distance_up_to_the_limit(left, right, limit):
    assert plates.edits(left, right, limit) == min(plain_edits(left, right), limit + 1)


@given(st.text("AB1", max_size=7), st.text("AB1", max_size=7))
def test_a_meter_gives_the_plain_distance(left, right):
    assert plates.meter(left)(right) == plain_edits(left, right)


def test_look_alikes_have_one_key():
    assert len({plates.fold(text) for text in ("BO1SZ6", "8015ZG", "B0I52G", "8DIS26")}) == 1


def test_the_examples_of_the_docstrings_hold():
    for module in (plates, moments, rows, records, derive, near, reasons):
        assert doctest.testmod(module).failed == 0
