"""Sayings of people: the newest holds, none is lost, nonsense is refused."""

from __future__ import annotations

import pytest

from dashtools.errors import BadInput
from dashtools.spool import notes


def test_the_newest_saying_of_a_kind_holds_and_the_older_stay(spool):
    notes.say(spool, "correction", "sighting:v.t001", "AB12CDE", by="ann")
    notes.say(spool, "correction", "sighting:v.t001", "AB12CDF", by="bob")
    notes.say(spool, "note", "sighting:v.t001", "a blue van", by="bob")
    every = list(notes.said(spool))
    assert [(note.value, note.by) for note in every] == [("AB12CDE", "ann"), ("AB12CDF", "bob"), ("a blue van", "bob")]
    held = notes.current(every)
    assert held["correction", "sighting:v.t001"].value == "AB12CDF"
    assert held["note", "sighting:v.t001"].value == "a blue van"


def test_what_is_taken_back_no_longer_holds(spool):
    notes.say(spool, "list", "plate:AB12CDE", "watch", by="ann")
    notes.say(spool, "list", "plate:XY99ZZZ", "watch", by="ann")
    notes.say(spool, "list", "plate:AB12CDE", None, by="ann")
    assert notes.listed(notes.said(spool), "watch") == ["XY99ZZZ"]


def test_a_plate_is_on_one_list_only(spool):
    notes.say(spool, "list", "plate:AB12CDE", "watch", by="ann")
    notes.say(spool, "list", "plate:AB12CDE", "known", by="ann")
    assert notes.listed(notes.said(spool), "watch") == []
    assert notes.listed(notes.said(spool), "known") == ["AB12CDE"]


@pytest.mark.parametrize(
    ("kind", "subject", "value", "words"),
    [
        ("correction", "plate:AB12CDE", "AB12CDF", "cannot be the correction"),
        ("correction", "sighting:x", "<script>", "cannot be the correction"),
        ("list", "plate:AB12CDE", "loved", "cannot be the list"),
        ("list", "plate:../../etc", "watch", "is no plate"),
        ("note", "house:1", "x", "subject"),
        ("note", "plate:A1", "x" * 5000, "cannot be the note"),
        ("tags", "plate:A1", ["ok", ""], "cannot be the tags"),
        ("shout", "plate:A1", "x", "kind 'shout'"),
    ],
)
def test_nonsense_is_refused_and_leaves_nothing(spool, kind, subject, value, words):
    with pytest.raises(BadInput, match=words):
        notes.say(spool, kind, subject, value, by="ann")
    assert list(notes.said(spool)) == [] and spool.files.names("tmp") == []


def test_strange_files_among_the_notes_are_left_out(spool):
    note = notes.say(spool, "tags", "video:v1", ["holiday"], by="ann")
    spool.files.write(f"{notes.ROOT}/{note.note_id[:6]}/readme.txt", b"hello")
    spool.files.write(f"{notes.ROOT}/{note.note_id[:6]}/20240101T000000000000-00000000.json", b"{torn")
    assert list(notes.said(spool)) == [note]
