"""How values read on a page."""

from __future__ import annotations

import doctest
from datetime import timedelta

import pytest

from dashtools.times import to_text, utc_now
from dashtools.web import formats, ranges


def test_the_examples_of_the_docstrings_hold():
    for module in (formats, ranges):
        assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    "seconds, text",
    [(1, "just now"), (40, "40 seconds ago"), (61, "1 minute ago"), (7300, "2 hours ago"), (200_000, "2 days ago")],
)
def test_ago_is_said_in_one_unit(seconds, text):
    assert formats.ago(to_text(utc_now() - timedelta(seconds=seconds))) == text


@pytest.mark.parametrize("function", [formats.clip_time, formats.lasts, formats.percent, formats.kmh, formats.km])
def test_what_is_not_known_is_a_dash(function):
    assert function(None) == "–"


def test_no_filter_takes_the_name_of_one_of_jinja():
    from jinja2.filters import FILTERS

    class Environment:
        filters: dict = {}

    formats.install(Environment)
    assert not set(Environment.filters) & set(FILTERS)
