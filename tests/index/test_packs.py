"""Leaves that were packed: the index has of them what it had of the files."""

from __future__ import annotations

import pytest

from dashtools.index import contents, leaves, store
from dashtools.index.refresh import rebuild, refresh
from dashtools.index.verify import verify
from dashtools.spool import leaf, packs, scan
from dashtools.spool.compact import Compactor


def pack(library, task_type: str | None = None) -> int:
    """Packs every leaf; gives how many records are in packs now."""
    done = [Compactor(library.spool).compact(path) for path in scan.leaves(library.spool.files, task_type)]
    assert None not in done
    return sum(made.records for made in done if made is not None)


def state(library) -> dict[str, list[tuple[object, ...]]]:
    """Every row that a verification compares."""
    connection = store.open_reading(library.db)
    try:
        tables = (*store.CONTENT_TABLES, "artifacts", "tasks", "trips")
        return {t: sorted(map(tuple, connection.execute(f"SELECT * FROM {t}")), key=str) for t in tables}
    finally:
        connection.close()


@pytest.fixture
def worked(library, monkeypatch):
    monkeypatch.setattr(leaves, "RACY_NS", 0)
    for number in range(3):
        library.add(f"clip{number}.mp4", recorded_at="2024-01-15T14:25:00Z", plates=["AB12CDE", "XY99ZZZ"])
    library.work()
    refresh(library.root, library.db)
    return library


def test_packing_a_leaf_changes_nothing_in_the_index(worked):
    before = state(worked)
    assert pack(worked) == 12
    report = refresh(worked.root, worked.db)
    assert (report.added, report.removed, report.leaves_read) == (0, 0, 4)
    assert state(worked) == before
    assert refresh(worked.root, worked.db).leaves_read == 0


def test_a_refresh_of_a_packed_leaf_unpacks_no_record(worked, monkeypatch):
    pack(worked)
    monkeypatch.setattr(packs.Pack, "_member", None)
    assert refresh(worked.root, worked.db).leaves_read == 4


def test_a_rebuild_from_packs_gives_the_rows_of_the_files(worked):
    before = state(worked)
    pack(worked)
    assert not list((worked.root / "complete").rglob("*.json"))
    rebuild(worked.root, worked.db)
    assert state(worked) == before
    assert verify(worked.root, worked.db).differences == ()


def test_what_is_new_beside_a_pack_is_added(worked):
    pack(worked)
    worked.add("later.mp4", plates=["KK11KKK"])
    worked.work()
    assert refresh(worked.root, worked.db).added == 4
    assert len(state(worked)["sightings"]) == 7
    assert verify(worked.root, worked.db).differences == ()


def test_a_packed_record_that_is_requeued_takes_its_rows_along_and_comes_back(worked):
    pack(worked)
    refresh(worked.root, worked.db)
    worked.requeue("HEAVY_PROCESS_VIDEO", "clip1-0a1b2c3d")
    refresh(worked.root, worked.db)
    assert len(state(worked)["sightings"]) == 4
    worked.work()
    refresh(worked.root, worked.db)
    assert len(state(worked)["sightings"]) == 6
    assert verify(worked.root, worked.db).differences == ()


def test_loose_files_beside_a_packed_record_win(worked):
    records = sorted((worked.root / "complete/HEAVY_PROCESS_VIDEO").rglob("*.a01.json"))
    loose = {file: file.read_bytes() for file in (records[0], records[0].with_name(leaf.rows_name(records[0].name)))}
    pack(worked)
    for file, content in loose.items():
        file.write_bytes(content.replace(b"XY99ZZZ", b"ZZ00LSE"))
    rebuild(worked.root, worked.db)
    assert sorted(row[3] for row in state(worked)["sightings"]) == 3 * ["AB12CDE"] + 2 * ["XY99ZZZ"] + ["ZZ00LSE"]


def test_packed_children_are_shown_again_when_the_completion_that_passed_them_goes(worked):
    pack(worked, "HEAVY_PROCESS_VIDEO")
    worked.requeue("PREPROCESS_VIDEO", "clip0-0a1b2c3d")
    worked.work(1, ("PREPROCESS_VIDEO",))
    refresh(worked.root, worked.db)
    assert len(state(worked)["sightings"]) == 4
    (second,) = (worked.root / "complete/PREPROCESS_VIDEO").rglob("*.a02.json")
    second.unlink()
    refresh(worked.root, worked.db)
    assert len(state(worked)["sightings"]) == 6


def test_a_record_that_is_packed_while_it_is_read_keeps_its_rows(worked, monkeypatch):
    before, listing = state(worked), contents.listed

    def list_then_pack(spool, path):
        found = listing(spool, path)
        if path.startswith("complete/"):
            Compactor(worked.spool).compact(path)
        return found

    monkeypatch.setattr(leaves, "listed", list_then_pack)
    rebuild(worked.root, worked.db)
    assert state(worked) == before


def test_a_listing_that_lacks_what_is_being_packed_takes_nothing_away(worked, monkeypatch):
    before, listing = state(worked), contents.listed
    monkeypatch.setattr(leaves, "listed", lambda spool, path: contents.Contents(path, listing(spool, path).names[:1]))
    pack(worked)
    assert refresh(worked.root, worked.db).removed == 0
    assert state(worked) == before
