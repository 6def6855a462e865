"""Packing old leaves: what a leaf says stays the same, whoever dies, requeues or packs beside."""

from __future__ import annotations

import gzip
import os
from datetime import datetime, timedelta

import orjson
import pytest

from dashtools.model import ChildTask, Task, with_changes
from dashtools.spool import compact, layout, packs, scan
from dashtools.spool import leaf as leaves
from dashtools.spool import task as tasks
from dashtools.spool.compact import Compactor
from dashtools.spool.janitor import Janitor
from dashtools.spool.queue import Spool
from dashtools.times import UTC

ROWS = b'{"table":"toys","n":1}\n'


def finish(spool, task_id, *, rows=ROWS, error=None, children=()):
    spool.publish(Task(task_id, "TEST", "v"))
    claim = spool.claim(spool.scanner(["TEST"], {}))
    final = with_changes(claim.task, state="complete", completed_at="2024-01-01T00:00:00Z", error=error)
    spool.commit(claim, final, children=children, rows=rows)


@pytest.fixture
def filled(spool):
    for number in range(4):
        finish(spool, f"t{number}", rows=ROWS if number % 2 else b"")
    finish(spool, "bad", error={"class": "BadInput", "message": "broken"})
    return spool


def says(spool):
    """All that can be learnt of the completed tasks."""
    return {e.path: (e.state, tasks.to_bytes(spool.load(e)), spool.rows(e)) for e in spool.completed("TEST")}


def pack_all(spool):
    return [done for leaf in list(scan.leaves(spool.files)) if (done := Compactor(spool).compact(leaf)) is not None]


def files_of(spool):
    return [name for leaf in scan.leaves(spool.files) for name in spool.files.names(leaf)]


def test_a_packed_leaf_says_what_it_said_before(filled):
    before = says(filled)
    (done,) = pack_all(filled)
    assert says(filled) == before and len(before) == 5
    assert files_of(filled) == [done.pack] and done.records == 5
    assert says(Spool.open(filled.root)) == before


def test_a_packed_leaf_is_left_as_it_is(filled):
    pack_all(filled)
    assert pack_all(filled) == []


def test_what_is_completed_later_joins_the_pack(filled):
    (first,) = pack_all(filled)
    finish(filled, "late")
    before = says(filled)
    (second,) = pack_all(filled)
    assert second.pack != first.pack and files_of(filled) == [second.pack]
    assert says(filled) == before and second.records == 6


def test_a_packed_task_is_not_published_again(filled):
    pack_all(filled)
    assert filled.publish(Task("t1", "TEST", "v")) is None
    assert filled.is_idle()


@pytest.mark.parametrize("name", ["t1", "bad"])
def test_a_packed_task_is_requeued_with_its_history(filled, name):
    pack_all(filled)
    entry = filled.find(name)
    assert filled.requeue(entry, priority=2) is not None
    assert not filled.has(entry) and filled.requeue(entry) is None
    again = filled.claim(filled.scanner(["TEST"], {}))
    assert (again.task.task_id, again.task.generation, again.entry.attempt, again.entry.priority) == (name, 1, 2, 2)
    assert again.task.error is None and again.task.history[-2]["event"] == "complete"
    filled.commit(again, with_changes(again.task, state="complete", completed_at="2024-01-02T00:00:00Z"))
    assert [e.attempt for e in filled.completed() if e.task_id == name] == [2]
    pack_all(filled)
    assert [e.attempt for e in filled.completed() if e.task_id == name] == [2]
    assert [e.attempt for e in scan.records_of(filled.files, entry.key)] == [2]


def test_a_record_that_is_requeued_while_it_is_being_packed_counts_once(filled, monkeypatch):
    other, entry = Spool.open(filled.root), filled.find("t1")
    write = filled.files.write

    def meddle(path, content):
        write(path, content)
        if "pack~" in path:
            assert other.requeue(entry) is not None

    monkeypatch.setattr(filled.files, "write", meddle)
    pack_all(filled)
    places = [e.path for e in [*other.pending(), *other.completed()] if e.task_id == "t1"]
    assert len(places) == 1 and places[0].startswith("pending/")


def test_a_compactor_that_slept_through_a_year_brings_nothing_back(filled, monkeypatch):
    """It read a record, then: requeue, done again, packed, the mark cleared; then it publishes what it had read."""
    other, entry = Spool.open(filled.root), filled.find("t1")
    write = filled.files.write

    def a_year(path, content):
        write(path, content)
        if "pack~" not in path:
            return
        monkeypatch.setattr(filled.files, "write", write)
        other.requeue(entry)
        pack_all(other)
        again = other.claim(other.scanner(["TEST"], {}))
        other.commit(again, with_changes(again.task, state="complete", completed_at="2025-01-01T00:00:00Z"))
        pack_all(other)
        monkeypatch.setattr(compact, "MARKS_LIFE_S", -60)
        finish(other, "later")
        pack_all(other)
        assert not [name for name in files_of(other) if name.endswith(".moved")]

    monkeypatch.setattr(filled.files, "write", a_year)
    pack_all(filled)
    assert [e.attempt for e in filled.completed() if e.task_id == "t1"] == [2]
    pack_all(filled)
    assert [e.attempt for e in filled.completed() if e.task_id == "t1"] == [2] and len(files_of(filled)) == 1
    assert filled.requeue(entry) is None and filled.is_idle()


def test_a_requeue_that_slept_until_the_mark_was_cleared_moves_nothing(filled, monkeypatch):
    """It looked at the record, then another requeued it and the mark was cleared; then it makes its own mark."""
    other, entry = Spool.open(filled.root), filled.find("t1")
    pack_all(filled)
    monkeypatch.setattr(compact, "MARKS_LIFE_S", -60)
    link = filled.files.link

    def slept(source, target):
        other.requeue(entry)
        pack_all(other)
        finish(other, "later")
        pack_all(other)
        assert not [name for name in files_of(other) if name.endswith(".moved")]
        return link(source, target)

    monkeypatch.setattr(filled.files, "link", slept)
    assert filled.requeue(entry) is None
    assert [e.path.partition("/")[0] for e in [*other.pending(), *other.completed()] if e.task_id == "t1"] == [
        "pending"
    ] or [e.attempt for e in other.completed() if e.task_id == "t1"] == [2]


@pytest.mark.parametrize("step", ["link", "sync_folder"])
def test_a_mark_that_is_packed_before_its_maker_has_moved_the_task_is_still_his(filled, monkeypatch, step):
    """He stands between his mark and the look whether another was faster; all else happens in between."""
    other, entry = Spool.open(filled.root), filled.find("t1")
    plain = getattr(filled.files, step)

    def slept(*arguments):
        made = plain(*arguments)
        monkeypatch.setattr(filled.files, step, plain)
        pack_all(other)
        assert [e.state for e in [*other.pending(), *other.completed()] if e.task_id == "t1"] == ["complete"]
        return made

    monkeypatch.setattr(filled.files, step, slept)
    assert filled.requeue(entry) is not None
    assert [e.state for e in [*other.pending(), *other.completed()] if e.task_id == "t1"] == ["ready"]


def test_two_who_pack_a_leaf_at_once_lose_nothing(filled, monkeypatch):
    before, other = says(filled), Spool.open(filled.root)
    rename = filled.files.rename

    def meddle(source, target):
        if "pack~" in source:
            pack_all(other)
        rename(source, target)

    monkeypatch.setattr(filled.files, "rename", meddle)
    pack_all(filled)
    monkeypatch.setattr(filled.files, "rename", rename)
    assert says(filled) == before
    assert sum(map(packs.is_pack, files_of(filled))) == len(files_of(filled)) == 2
    pack_all(filled)
    assert says(filled) == before and len(files_of(filled)) == 1


def test_a_committed_attempt_is_activated_before_its_leaf_is_packed(spool, put, monkeypatch):
    put(spool)
    claim = spool.claim(spool.scanner(["TEST"], {}))
    monkeypatch.setattr(spool, "activate", lambda *_: None)
    final = with_changes(claim.task, state="complete", completed_at="2024-01-01T00:00:00Z")
    spool.commit(claim, final, children=[ChildTask("NEXT")], rows=ROWS)
    monkeypatch.undo()
    (done,) = pack_all(spool)
    assert done.records == 1 and spool.rows(next(spool.completed())) == ROWS
    assert [e.task_type for e in spool.pending()] == ["NEXT"] and spool.files.names("staging") == []


def test_a_leaf_with_a_record_that_cannot_be_activated_yet_is_left_alone(spool, put, monkeypatch):
    finish(spool, "t0")
    put(spool)
    claim = spool.claim(spool.scanner(["TEST"], {}))
    monkeypatch.setattr(spool, "activate", lambda *_: None)
    spool.commit(claim, with_changes(claim.task, state="complete", completed_at="2024-01-01T00:00:00Z"), rows=ROWS)
    before = sorted(files_of(spool))
    assert pack_all(spool) == [] and sorted(files_of(spool)) == before


def test_a_record_by_another_hand_stays_a_file(filled):
    entry = filled.find("t2")
    (filled.root / entry.path).write_bytes(orjson.dumps(filled.load(entry).to_json()))
    before = says(filled)
    (done,) = pack_all(filled)
    assert len(done.left) == 1 and says(filled) == before
    assert sorted(files_of(filled)) == sorted([done.pack, entry.path.rpartition("/")[2]])
    assert not any(again.pack for again in pack_all(filled))


def test_rows_that_come_late_are_not_lost(filled):
    entry = filled.find("t0")
    pack_all(filled)
    filled.files.write(layout.rows_beside(entry.path), ROWS)
    assert filled.rows(entry) == ROWS
    pack_all(filled)
    assert filled.rows(entry) == ROWS and len(files_of(filled)) == 1


def test_a_dead_requeue_of_a_packed_task_is_finished_by_a_janitor(filled, monkeypatch):
    pack_all(filled)
    half, entry = Spool.open(filled.root, host_id="gone"), filled.find("t3")
    monkeypatch.setattr(half.files, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        half.requeue(entry)
    assert [e.state for e in [*filled.pending(), *filled.completed()] if e.task_id == "t3"] == ["complete"]
    keeper = Janitor(filled, lease_s=60, max_failures=3)
    keeper._observer.is_dead = lambda worker, left="": True
    assert len(keeper.sweep().published) == 1
    assert [e.state for e in [*filled.pending(), *filled.completed()] if e.task_id == "t3"] == ["ready"]


def test_only_leaves_that_are_old_enough_are_packed(filled):
    (leaf,) = scan.leaves(filled.files)
    assert list(compact.old_leaves(filled, 0)) == [] and list(compact.old_leaves(filled, -7200)) == [leaf]
    for name, length in (("2020", 4), ("2020", 5), ("2020", 12)):
        old = layout.complete_folder("TEST", layout.make_key(datetime(2020, 1, 1, 14, 25, tzinfo=UTC), name), length)
        filled.files.mkdirs(old)
        assert old in compact.old_leaves(filled, timedelta(days=30).total_seconds())
    filled.files.mkdirs("complete/TEST/lost+found/a/b/c")
    assert "complete/TEST/lost+found/a/b/c" not in compact.old_leaves(filled, 0)


def test_packing_makes_a_spool_of_layout_1_one_of_layout_2(filled):
    version = orjson.loads((filled.root / "VERSION").read_bytes())
    (filled.root / "VERSION").write_bytes(orjson.dumps({**version, "layout": 1}))
    before = says(Spool.open(filled.root))
    pack_all(filled)
    assert orjson.loads((filled.root / "VERSION").read_bytes()) == {**version, "layout": 2}
    assert says(Spool.open(filled.root)) == before


def test_a_damaged_pack_is_named_and_stops_no_janitor(filled):
    (done,) = pack_all(filled)
    entry = filled.find("t1")
    path = filled.root / done.leaf / done.pack
    os.truncate(path, 40)
    (filled.root / "staging" / f"{entry.key}.a01").mkdir()
    (trouble,) = Janitor(filled, lease_s=60, max_failures=3).sweep().troubled
    assert str(path) in trouble and "damaged" in trouble


def test_a_pack_is_lines_of_json(filled):
    (done,) = pack_all(filled)
    first, *lines = gzip.decompress((filled.root / done.leaf / done.pack).read_bytes()).splitlines()
    assert len(lines) == 5 and orjson.loads(first)["schema"] == "pack/1"
    assert leaves.look(filled.files, done.leaf).names() == [orjson.loads(line)["name"] for line in lines]


@pytest.mark.parametrize("with_rows_first", [True, False])
def test_of_two_packed_copies_the_one_with_rows_is_kept(spool, with_rows_first):
    """A packer looked just before the rows were brought, another just after."""
    finish(spool, "t1")
    (entry,) = spool.completed()
    folder, _, name = entry.path.rpartition("/")
    whole = packs.packed(name, spool.files.read(entry.path), ROWS)
    bare = packs.Packed(name, whole.record, None)
    for number, record in enumerate([whole, bare] if with_rows_first else [bare, whole]):
        spool.files.write(f"{folder}/pack~{number:016d}.jsonl.gz", packs.to_bytes([record], {}))
    spool.files.unlink(entry.path)
    spool.files.unlink(layout.rows_beside(entry.path))
    assert spool.rows(entry) == ROWS
    assert [record.rows_bytes() for record in leaves.look(spool.files, folder).packed()] == [ROWS]
    pack_all(spool)
    assert spool.rows(entry) == ROWS and len(files_of(spool)) == 1


def test_a_leaf_is_left_alone_whose_rows_came_after_the_look(spool, put, monkeypatch):
    put(spool)
    claim, other = spool.claim(spool.scanner(["TEST"], {})), Spool.open(spool.root)
    activate = spool.activate
    monkeypatch.setattr(spool, "activate", lambda *_: None)
    path = spool.commit(claim, with_changes(claim.task, state="complete", completed_at="x"), rows=ROWS)
    names = other.files.names

    def activated_after_the_first_look(folder):
        found = names(folder)
        if folder.startswith("complete/TEST/") and folder.count("/") == 5:
            monkeypatch.setattr(other.files, "names", names)
            activate(layout.staging_folder(claim.entry.key, 1), str(path.relative_to(spool.root)))
        return found

    monkeypatch.setattr(other.files, "names", activated_after_the_first_look)
    folder = str(path.relative_to(spool.root)).rpartition("/")[0]
    assert Compactor(other).compact(folder) is None
    assert pack_all(other)[0].records == 1 and spool.rows(next(spool.completed())) == ROWS
