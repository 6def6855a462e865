"""Votes as the reader leaves them, in whatever shape, as shares."""

from __future__ import annotations

import pytest

from dashtools.web.sighting_page import _told


@pytest.mark.parametrize(
    "alternatives",
    [[["8", 0.25]], {"8": 0.25}, [{"char": "8", "weight": 0.25}]],
    ids=["pairs", "an object", "objects"],
)
def test_the_runner_up_is_shown_with_its_share(alternatives):
    (vote,) = _told([{"char": "B", "weight": 0.75, "alternatives": alternatives}])
    assert (vote["char"], vote["share"], vote["runners"]) == ("B", 0.75, [("8", 0.25)])


@pytest.mark.parametrize("vote", [{}, {"char": None, "weight": "much"}, {"alternatives": 7}, {"alternatives": [[]]}])
def test_a_vote_of_a_strange_shape_breaks_nothing(vote):
    assert len(_told([vote])) == 1
