"""Formats decide between signs drawn alike, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtools.stages.formats import settle
from dashtools.stages.vote import Ballot, vote


def settled(text: str, packs: list[str] | None = None) -> str:
    return settle(vote([Ballot(text, (0.9,) * len(text))]), packs).text


@pytest.mark.parametrize(
    ("read", "packs", "wanted"),
    [
        ("LSI5EBC", None, "LS15EBC"),
        ("B31OVLV", ["ro"], "B310VLV"),
        ("IF05TAC", None, "IF05TAC"),
        ("LSI5EBC", ["br"], "LSI5EBC"),
        ("HELLO", None, "HELLO"),
        ("75061H1", None, "75061H1"),
        ("1049338", None, "1049338"),
    ],
    ids=["one-way", "digit", "fits-already", "no-pack-fits", "no-format", "two-swaps", "only-digits"],
)
def test_only_the_one_way_to_fit_is_taken(read: str, packs: list[str] | None, wanted: str) -> None:
    assert settled(read, packs) == wanted


def test_what_was_read_stays_among_the_alternatives() -> None:
    changed = settle(vote([Ballot("LSI5EBC", (0.9,) * 7)])).characters[2]
    assert changed.char == "1" and changed.alternatives[0][0] == "I"


@given(st.text("ABOI0189", max_size=9))
def test_no_sign_is_added_dropped_or_invented(text: str) -> None:
    same = str.maketrans("OI", "01")
    assert settled(text).translate(same) == text.translate(same)
