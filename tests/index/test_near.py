"""Plates a few edits away are all found, and by index."""

from __future__ import annotations

import random
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashtools.index import near, store
from dashtools.index.plates import edits


def filled(plates) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for _, sql in store.statements():
        if "plates" in sql and "TRIGGER" not in sql and "VIRTUAL" not in sql:
            connection.execute(sql)
    connection.executemany("INSERT INTO plates (plate, folded) VALUES (?, ?)", [(text, text) for text in plates])
    return connection


@settings(max_examples=60, deadline=None)
@given(st.sets(st.text("A01", min_size=1, max_size=9), max_size=60), st.text("A01", min_size=4, max_size=9))
def test_exactly_those_within_the_edits_are_found(plates, key):
    ordered = sorted(plates)
    connection = filled(ordered)
    for most in (1, 2):
        wanted = {n: d for n, text in enumerate(ordered, 1) if 0 < (d := edits(key, text, most)) <= most}
        assert near.near(connection, key, most) == wanted


@settings(max_examples=200, deadline=None)
@given(st.text("ABC012", min_size=4, max_size=10), st.randoms(use_true_random=False))
def test_two_random_edits_of_a_long_text_are_undone(key, chance):
    text = key
    for _ in range(2):
        place = chance.randrange(len(text) + 1)
        text = text[:place] + chance.choice(["", "X", "Y"]) + text[place + chance.randrange(2) :]
    connection = filled([text])
    distance = edits(key, text, 2)
    assert near.near(connection, key, 2) == ({1: distance} if 0 < distance <= 2 else {})


@pytest.mark.parametrize("pair", near.PAIRS, ids=lambda pair: f"{pair[0]}{pair[1]}")
def test_each_pair_of_parts_is_looked_up_in_its_index(pair):
    chance = random.Random(1)
    connection = filled({"".join(chance.choices("AB01", k=7)) for _ in range(200)})
    sql = f"SELECT folded, plate_no FROM plates WHERE length(folded) = ? AND {near.pair_sql(pair)} IN (?, ?)"
    (plan,) = (row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", (7, "A", "B")))
    assert plan.startswith("SEARCH plates USING") and f"plates_parts_{pair[0]}{pair[1]} " in plan
