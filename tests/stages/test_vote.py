"""The vote: what it must do for any readings, and the cases that once went wrong."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtools.stages.align import align, edits, similarity
from dashtools.stages.vote import Ballot, vote

texts = st.text("AB018OI", max_size=9)
shares = st.floats(0.01, 1).map(lambda value: round(value, 3))


@st.composite
def ballots(draw: st.DrawFn) -> Ballot:
    text = draw(texts)
    return Ballot(text, tuple(draw(shares) for _ in text), draw(st.sampled_from([0.3, 1.0])))


def sure(text: str, confidence: float = 0.95) -> Ballot:
    return Ballot(text, (confidence,) * len(text))


@given(st.lists(ballots(), max_size=8), st.randoms())
def test_the_order_of_readings_does_not_matter(given_ballots: list[Ballot], shuffler: random.Random) -> None:
    shuffled = list(given_ballots)
    shuffler.shuffle(shuffled)
    assert vote(shuffled) == vote(given_ballots)


@given(texts.filter(bool), st.integers(1, 5), shares)
def test_readings_that_agree_are_the_answer(text: str, count: int, confidence: float) -> None:
    result = vote([sure(text, confidence)] * count)
    assert result.text == text and result.supporters == count
    assert result.confidence == pytest.approx(confidence, abs=1e-3)


@given(st.lists(ballots(), min_size=1, max_size=8))
def test_only_signs_that_were_read_win_and_confidence_is_a_share(given_ballots: list[Ballot]) -> None:
    result = vote(given_ballots)
    assert set(result.text) <= set("".join(b.text for b in given_ballots))
    assert 0 <= result.confidence <= 1
    assert len(result.characters) == len(result.text)
    assert all(0 <= c.weight <= 1 for c in result.characters)


@given(texts, texts)
def test_an_alignment_uses_every_character_once_in_order(a: str, b: str) -> None:
    pairs = align(a, b)[1]
    assert [i for i, _ in pairs if i is not None] == list(range(len(a)))
    assert [j for _, j in pairs if j is not None] == list(range(len(b)))


@given(texts, texts)
def test_similarity_and_edits_are_symmetric(a: str, b: str) -> None:
    assert similarity(a, b) == pytest.approx(similarity(b, a))
    assert edits(a, b) == edits(b, a) <= max(len(a), len(b))


def test_a_lost_first_character_does_not_shift_the_others() -> None:
    assert vote([sure("F05TAC", 0.9), sure("IF05TAC", 0.97), sure("F05TAC", 0.9)]).text[-6:] == "F05TAC"
    assert vote([sure("IF05TAC"), sure("F05TAC", 0.85), sure("IF05TAC")]).text == "IF05TAC"


def test_three_right_readings_stand_against_many_poor_ones() -> None:
    poor = [sure(text, 0.5) for text in ("8276W0W", "B2T6WDW", "B27WOW", "3276NOW", "B276WO")]
    assert vote([sure("B276WOW", 0.99)] * 3 + poor).text == "B276WOW"


def test_a_sign_that_one_reading_puts_in_is_left_out() -> None:
    assert vote([sure("B310VLV"), sure("B310VLV"), sure("RB310VLV")]).text == "B310VLV"


def test_the_losers_of_a_place_are_told_with_their_shares() -> None:
    first = vote([sure("B1", 0.9), sure("B1", 0.9), sure("81", 0.9)]).characters[0]
    assert first.char == "B" and first.alternatives == (("8", pytest.approx(1 / 3, abs=1e-3)),)


def test_one_doubtful_character_makes_a_doubtful_plate() -> None:
    halves = [Ballot("AB12", (0.99,) * 4), Ballot("AB17", (0.99,) * 4)]
    assert vote(halves).confidence < 0.75 < vote(halves[:1]).confidence


def test_nothing_read_is_an_empty_answer() -> None:
    assert vote([]).text == vote([Ballot("", ())]).text == ""
