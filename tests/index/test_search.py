"""Searching plates: each way of finding says its reason."""

from __future__ import annotations

import pytest

from dashtools.index import store
from dashtools.index.refresh import refresh
from dashtools.index.search import search

PLATES = ["AB12CDE", "A812CDE", "AB12CDF", "XY99ZZZ", "PO0LE", "K0OL3"]


@pytest.fixture
def found(library):
    library.add("one.mp4", plates=PLATES)
    library.work()
    refresh(library.root, library.db)
    connection = store.open_reading(library.db)
    yield lambda query: [(match.plate, match.reason) for match in search(connection, query)]
    connection.close()


def test_exactly_this_comes_first_then_look_alikes_then_edits(found):
    assert found("ab12 cde") == [
        ("AB12CDE", "exactly this"),
        ("A812CDE", "look-alikes: 8 for B"),
        ("AB12CDF", "1 character off"),
    ]


def test_wildcards_stand_for_one_or_many_characters(found):
    assert found("ab12cd?") == [("AB12CDE", "fits AB12CD?"), ("AB12CDF", "fits AB12CD?")]
    assert found("*zz") == [("XY99ZZZ", "fits *ZZ")]


@pytest.mark.parametrize("query, plate", [("99Z", "XY99ZZZ"), ("Y9", "XY99ZZZ")])
def test_a_part_is_found_whatever_its_length(found, query, plate):
    assert (plate, f"contains {query}") in found(query)


def test_a_part_is_found_through_look_alikes(found):
    assert ("PO0LE", "contains a look-alike of 0OL") in found("0OL")


def test_an_empty_query_gives_the_plates_seen_last(found):
    assert {plate for plate, reason in found("")} == set(PLATES)


@pytest.mark.parametrize("query", ["' OR 1=1 --", '"', "[A-Z]*", "%", "NEAR(", "*", "\0", "漢字", "x" * 5000])
def test_no_query_breaks_it(found, query):
    found(query)
