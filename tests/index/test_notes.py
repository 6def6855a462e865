"""What people said is in the index: corrections change the plate and keep the read, and survive every rebuild."""

from __future__ import annotations

import pytest

from dashtools.index import store
from dashtools.index.refresh import rebuild, refresh, take_notes
from dashtools.index.search import search
from dashtools.index.verify import verify
from dashtools.spool import notes

SIGHTING = "one-0a1b2c3d.t000"


@pytest.fixture
def read(library):
    library.add("one.mp4", plates=["AB12CDE", "XY99ZZZ"], recorded_at="2024-01-15T14:25:00Z")
    library.work()
    refresh(library.root, library.db)
    return library


def asked(library, sql, values=()):
    connection = store.open_reading(library.db)
    try:
        return [tuple(row) for row in connection.execute(sql, values)]
    finally:
        connection.close()


def plates(library):
    return [row[0] for row in asked(library, "SELECT plate FROM plates ORDER BY plate")]


def correct(library, text, of="AB12CDE", sighting=SIGHTING):
    notes.say(library.spool, "correction", f"sighting:{sighting}", text, by="ann", of=of)


def test_a_correction_is_the_plate_and_the_read_stays_beside_it(read):
    correct(read, "AB12CDF")
    refresh(read.root, read.db)
    row = asked(read, "SELECT plate, read_as, folded FROM sightings WHERE sighting_id = ?", (SIGHTING,))
    assert row == [("AB12CDF", "AB12CDE", "A812C0F")]
    assert plates(read) == ["AB12CDF", "XY99ZZZ"]
    assert asked(read, "SELECT text FROM reads WHERE sighting_id = ?", (SIGHTING,)) == [("AB12CDE",)] * 2


def test_a_corrected_plate_is_found_and_grouped_with_others_of_its_text(read):
    correct(read, "XY99ZZZ")
    refresh(read.root, read.db)
    connection = store.open_reading(read.db)
    (match,) = search(connection, "XY99")
    connection.close()
    assert (match.plate, match.sightings) == ("XY99ZZZ", 2)


def test_a_correction_that_is_taken_back_gives_the_read_again(read):
    correct(read, "AB12CDF")
    refresh(read.root, read.db)
    correct(read, None)
    refresh(read.root, read.db)
    assert plates(read) == ["AB12CDE", "XY99ZZZ"]


def test_a_deleted_index_has_every_note_again(read):
    correct(read, "AB12CDF")
    notes.say(read.spool, "list", "plate:AB12CDF", "watch", by="ann")
    refresh(read.root, read.db)
    before = asked(read, "SELECT * FROM notes ORDER BY note_id")
    for path in read.db.parent.iterdir():
        path.unlink()
    refresh(read.root, read.db)
    assert asked(read, "SELECT * FROM notes ORDER BY note_id") == before
    assert plates(read) == ["AB12CDF", "XY99ZZZ"]


def test_a_clip_that_is_read_again_keeps_its_correction(read):
    correct(read, "AB12CDF")
    read.requeue("HEAVY_PROCESS_VIDEO", "one-0a1b2c3d")
    read.work()
    refresh(read.root, read.db)
    assert plates(read) == ["AB12CDF", "XY99ZZZ"]


def test_a_correction_is_not_for_another_car_under_the_same_id(read):
    correct(read, "AB12CDF")
    read.clips["one-0a1b2c3d"]["plates"] = ["QQ77QQQ"]
    read.requeue("HEAVY_PROCESS_VIDEO", "one-0a1b2c3d")
    read.work()
    refresh(read.root, read.db)
    assert plates(read) == ["QQ77QQQ"]


def test_notes_and_records_in_any_order_give_the_index_of_a_rebuild(read):
    correct(read, "AB12CDF")
    refresh(read.root, read.db)
    correct(read, "NEW1", of="XY99ZZZ", sighting="one-0a1b2c3d.t001")
    take_notes(read.root, read.db)
    read.add("two.mp4", plates=["AB12CDF"])
    read.work()
    assert verify(read.root, read.db).differences == ()
    rebuild(read.root, read.db)
    assert plates(read) == ["AB12CDF", "NEW1"]


def test_a_note_whose_file_was_removed_is_gone(read):
    correct(read, "AB12CDF")
    refresh(read.root, read.db)
    (path,) = (read.root / "notes" / "said").rglob("*.json")
    path.unlink()
    refresh(read.root, read.db)
    assert plates(read) == ["AB12CDE", "XY99ZZZ"]


def test_the_newest_note_holds_and_the_older_are_its_history(read):
    for value in ("a van", "a blue van"):
        notes.say(read.spool, "note", "plate:AB12CDE", value, by="ann")
    refresh(read.root, read.db)
    assert asked(read, "SELECT value, is_current FROM notes ORDER BY note_id") == [("a van", 0), ("a blue van", 1)]
