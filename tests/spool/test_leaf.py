import pytest

from dashtools.errors import TryLater
from dashtools.model import Task
from dashtools.spool import leaf, packs
from dashtools.spool import task as tasks

FOLDER = "complete/TEST/2024/01/15/14"


def name_of(task_id: str, attempt: int = 1) -> str:
    return f"20240115T142500000000-{task_id}.a{attempt:02d}.json"


def record_of(task_id: str, attempt: int = 1, video: str = "v") -> packs.Packed:
    task = Task(task_id, "TEST", video, state="complete", attempt=attempt)
    return packs.packed(name_of(task_id, attempt), tasks.to_bytes(task), None)


@pytest.fixture
def lay(spool):
    spool.files.mkdirs(FOLDER)

    def pack(*records, moved=None):
        spool.files.write(f"{FOLDER}/{packs.new_name()}", packs.to_bytes(records, moved or {}))

    return pack


def test_loose_and_packed_records_are_one_list(spool, lay):
    lay(record_of("a"), record_of("c"))
    spool.files.write(f"{FOLDER}/{name_of('b')}", record_of("b").record_bytes())
    seen = leaf.look(spool.files, FOLDER)
    assert seen.names() == [name_of("a"), name_of("b"), name_of("c")]
    assert seen.loose == {name_of("b")}
    assert [record.name for record in seen.packed()] == [name_of("a"), name_of("c")]


def test_a_loose_record_wins_over_its_packed_copy(spool, lay):
    lay(record_of("a", video="packed"))
    spool.files.write(f"{FOLDER}/{name_of('a')}", record_of("a", video="loose").record_bytes())
    seen = leaf.look(spool.files, FOLDER)
    assert seen.names() == [name_of("a")] and list(seen.packed()) == []


def test_two_packs_of_the_same_records_are_one(spool, lay):
    lay(record_of("a"), record_of("b"))
    lay(record_of("b"), record_of("c"))
    seen = leaf.look(spool.files, FOLDER)
    assert seen.names() == [name_of(t) for t in "abc"]
    assert sorted(record.name for record in seen.packed()) == seen.names()


@pytest.mark.parametrize("how", ["mark", "pack"])
def test_what_was_moved_counts_in_no_pack_old_or_new(spool, lay, how):
    lay(record_of("a"), record_of("b"))
    if how == "mark":
        spool.files.write(f"{FOLDER}/{packs.stem(name_of('a'))}.moved", b"")
    else:
        lay(moved={packs.stem(name_of("a")): "d"})
    lay(record_of("a"))  # a compactor that slept through it
    seen = leaf.look(spool.files, FOLDER)
    assert seen.names() == [name_of("b")]
    assert [record.name for record in seen.packed()] == [name_of("b")]


def test_what_is_being_moved_counts_until_it_has_arrived(spool, lay):
    lay(record_of("a"))
    spool.files.write(f"{FOLDER}/{packs.stem(name_of('a'))}.moved", b"")
    seen = leaf.look(spool.files, FOLDER)
    assert seen.names() == [] and seen.names([packs.stem(name_of("a"))]) == [name_of("a")]


def test_another_attempt_of_a_moved_record_counts(spool, lay):
    lay(record_of("a", 1), moved={packs.stem(name_of("a")): "d"})
    spool.files.write(f"{FOLDER}/{name_of('a', 2)}", record_of("a", 2).record_bytes())
    assert leaf.look(spool.files, FOLDER).names() == [name_of("a", 2)]


def test_a_pack_that_vanishes_while_it_is_opened_is_looked_for_again(spool, lay):
    lay(record_of("a"))
    gone = [*spool.files.names(FOLDER), packs.new_name()]
    assert leaf.look(spool.files, FOLDER, gone).names() == [name_of("a")]


def test_packs_that_never_hold_still_are_left_for_later(spool, monkeypatch):
    monkeypatch.setattr(spool.files, "names", lambda folder: [packs.new_name()])
    with pytest.raises(TryLater, match="again and again"):
        leaf.look(spool.files, FOLDER)


def test_rows_lie_beside_their_record():
    assert leaf.rows_name("20240115T142500000000-a.a01.err.json") == "20240115T142500000000-a.a01.rows.jsonl"
