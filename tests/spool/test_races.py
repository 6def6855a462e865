"""Two processes at the same step, one of them slow, wrongly thought dead, or robbed of its reply."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace

import orjson
import pytest

from dashtools.errors import BadInput, OutputRefused, TryLater
from dashtools.model import ChildTask, Task, with_changes
from dashtools.spool import atomic
from dashtools.spool.janitor import Janitor
from dashtools.spool.queue import Spool
from dashtools.spool.workers import Identity

CHILD = ChildTask("NEXT", params={"n": 1})


def take(spool):
    return spool.claim(spool.scanner(["TEST"], {}))


def done(task, **fields):
    return with_changes(task, state="complete", completed_at="2024-01-01T00:00:00Z", **fields)


def janitor(spool, **options):
    return Janitor(spool, **{"lease_s": 60, "max_failures": 3, **options})


def entries(spool, task_type="TEST"):
    return [e for e in [*spool.pending(), *spool.completed()] if e.task_type == task_type]


def after_each(spool, monkeypatch, name, act):
    """Lets `act` happen right after each call of one of the spool's file operations."""
    plain = getattr(spool.files, name)

    def method(*arguments):
        result = plain(*arguments)
        act(*arguments)
        return result

    monkeypatch.setattr(spool.files, name, method)


def far_spool(root) -> Spool:
    opened = Spool.open(root, host_id="far")
    return opened


def test_a_janitor_in_the_middle_of_a_requeue_does_not_make_two_tasks_of_one(root, spool, put, monkeypatch):
    put(spool)
    claim = take(spool)
    spool.commit(claim, done(claim.task))
    keeper = Spool.open(root)

    def meddle(*_):
        janitor(keeper).sweep()
        again = take(keeper)
        if again is not None:
            keeper.release(again, reason={"event": "failed"})

    after_each(spool, monkeypatch, "rename", meddle)
    after_each(spool, monkeypatch, "write", meddle)
    spool.requeue(next(spool.completed()))
    assert [e.task_id for e in entries(keeper)] == ["t1"]


def test_a_requeued_task_says_that_it_waits(spool, put):
    put(spool)
    claim = take(spool)
    spool.commit(claim, done(claim.task, error={"class": "X", "message": "y"}))
    spool.requeue(next(spool.completed()))
    task = spool.load(next(spool.pending()))
    assert task.state == "pending" and task.error is None
    assert [told["event"] for told in task.history[-2:]] == ["complete", "requeued"]


def test_a_janitor_that_slept_through_a_requeue_leaves_the_newer_rows(spool, put):
    put(spool)
    spool.release(take(spool), reason={"event": "failed"})
    claim = take(spool)
    path = spool.commit(claim, done(claim.task), rows=b"{}\n")
    spool.requeue(next(spool.completed()))
    again = take(spool)
    spool.commit(again, done(again.task), rows=b"{}\n")
    spool.activate(f"staging/{claim.entry.key}.a02", str(path.relative_to(spool.root)))
    assert [p.name[-15:] for p in spool.root.glob("complete/**/*.jsonl")] == [".a03.rows.jsonl"]


@pytest.mark.parametrize("step", ["write", "link"])
def test_a_publisher_wrongly_thought_dead_still_publishes_once(root, monkeypatch, step):
    near, far = Spool.open(root), far_spool(root)
    keeper = janitor(near)
    keeper._observer.is_dead = lambda worker, left="": True
    first = []

    def meddle(*_):
        if not first:
            first.append(keeper.sweep())

    after_each(far, monkeypatch, step, meddle)
    assert far.publish(Task("t1", "TEST", "v")) is not None
    assert first and [e.task_id for e in entries(near)] == ["t1"]
    assert near.files.names("tmp") == []


def test_a_publisher_without_a_record_is_not_dead_because_of_that(root, spool):
    far = far_spool(root)
    scratch = f"tmp/once~20240101T000000000000-t1~{far.me.worker}"
    far.files.write(scratch, b"being written")
    janitor(spool).sweep()
    assert far.files.read(scratch) == b"being written"


def test_a_link_whose_reply_was_lost_is_ours(spool, monkeypatch):
    link = os.link

    def losing(*arguments, **options):
        link(*arguments, **options)
        raise FileExistsError(errno.EEXIST, "File exists")  # what NFSv3 answers to the repeated request

    monkeypatch.setattr(atomic.os, "link", losing)
    assert spool.publish(Task("t1", "TEST", "v")) is not None
    assert len(entries(spool)) == 1


def test_a_publish_cut_short_by_the_share_is_finished_by_trying_again(spool, monkeypatch):
    rename, broken = spool.files.rename, [TryLater("away")]

    def failing(*arguments):
        if broken:
            raise broken.pop()
        rename(*arguments)

    monkeypatch.setattr(spool.files, "rename", failing)
    with pytest.raises(TryLater):
        spool.publish(Task("t1", "TEST", "v"))
    assert spool.publish(Task("t1", "TEST", "v")) is not None
    assert [e.state for e in entries(spool)] == ["ready"]


@pytest.fixture
def linkless(monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(atomic.os, "link", refuse)


def test_without_links_a_task_is_published_once(root, spool, other, linkless):
    assert spool.publish(Task("t1", "TEST", "v")) is not None
    assert other.publish(Task("t1", "TEST", "v")) is None
    assert len(entries(spool)) == 1 and spool.files.names("tmp") == []


@pytest.mark.parametrize("at", range(6))
def test_without_links_a_dead_publisher_loses_nothing(root, spool, linkless, monkeypatch, at):
    me = Identity.mine()
    dead = Spool.open(root)
    dead = Spool(root, dead.files, dead.uuid, replace(me, worker=f"{me.host}~{me.world}~4194999~1~dead"))
    steps = [0]

    def dying(name, plain):
        def call(*arguments, **options):
            steps[0] += 1
            if steps[0] > at + 1:
                raise KeyboardInterrupt
            return plain(*arguments, **options)

        return call

    for name in ("rename", "mkdir", "unlink", "write", "fsync"):
        monkeypatch.setattr(atomic.os, name, dying(name, getattr(os, name)))
    with pytest.raises(KeyboardInterrupt):
        dead.publish(Task("t1", "TEST", "v"))
    monkeypatch.undo()
    janitor(spool).sweep()
    spool.publish(Task("t1", "TEST", "v"))
    assert [e.task_id for e in entries(spool)] == ["t1"]


def test_two_who_make_a_spool_at_once_make_one(tmp_path):
    root = tmp_path / "spool"
    found, start = [], threading.Barrier(4)

    def make():
        start.wait()
        Spool.create(root)
        found.append(Spool.open(root).uuid)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and len(found) == 4


@pytest.mark.parametrize("torn", [b"", b'{"task_id": "t1"'], ids=["empty", "half"])
def test_torn_staging_of_a_killed_worker_stops_no_janitor(root, spool, put, torn):
    put(spool)
    entry = next(spool.pending())
    (root / "staging" / f"{entry.key}.a00").mkdir()
    (root / "staging" / f"{entry.key}.a00" / "final.json").write_bytes(torn)
    janitor(spool).sweep()
    assert spool.files.names("staging") == [] and entries(spool)[0].state == "ready"


def test_a_round_leaves_staging_alone_until_it_was_seen_twice(root, spool, put):
    put(spool)
    entry = next(spool.pending())
    (root / "staging" / f"{entry.key}.a00").mkdir()
    keeper = janitor(spool)
    assert keeper.round().discarded == [] and len(keeper.round().discarded) == 1


def test_a_note_torn_by_a_kill_does_not_poison_its_task(root, spool, put):
    put(spool)
    claim = take(spool)
    (root / "attempts" / f"{claim.entry.key}.a01.json").write_bytes(b'{"at": "2024')
    assert "cut short" in spool.attempts(claim.entry)[0]["message"]


@pytest.mark.parametrize(
    "child",
    [ChildTask("NEXT", priority=11), ChildTask("NEXT", device_capabilities_required={"a b": True})],
    ids=["priority", "capability"],
)
def test_a_child_without_a_place_is_refused_before_the_commit(spool, put, child):
    put(spool)
    claim = take(spool)
    with pytest.raises(BadInput):
        spool.commit(claim, done(claim.task), children=[child])
    assert [e.state for e in entries(spool)] == ["claimed"] and spool.files.names("staging") == []


def test_a_full_disk_does_not_hold_a_claim_back(spool, put, monkeypatch):
    put(spool)
    claim = take(spool)

    def full(*_):
        raise OutputRefused("full")

    monkeypatch.setattr(spool.files, "write", full)
    monkeypatch.setattr(spool.files, "now_ns", full)
    spool.release(claim, reason={"event": "waited"}, delay_s=10)
    (entry,) = entries(spool)
    assert (entry.state, entry.failures) == ("delayed", 0)


def test_a_claim_that_cannot_be_read_is_given_back(spool, put, monkeypatch):
    put(spool)
    read = spool.files.read

    def failing(path):
        raise TryLater("away")

    monkeypatch.setattr(spool.files, "read", failing)
    with pytest.raises(TryLater):
        take(spool)
    monkeypatch.setattr(spool.files, "read", read)
    assert entries(spool)[0].state == "claimed"
    spool.give_back_unsure()
    assert (entries(spool)[0].state, entries(spool)[0].failures) == ("ready", 0)


def test_two_janitors_wake_and_take_over_a_task_once(root, spool, other, put):
    put(spool)
    me = Identity.mine()
    dead = Spool.open(root)
    dead.me = replace(me, worker=f"{me.host}~{me.world}~4194999~1~dead", pid=4194999, start="1")
    (root / "workers" / f"{dead.me.worker}.json").write_bytes(orjson.dumps({**dead.me.to_json(), "beat": 1}))
    take(dead)
    keepers = [janitor(spool), janitor(other)]
    start = threading.Barrier(2)

    def sweep(keeper):
        start.wait()
        keeper.sweep()

    threads = [threading.Thread(target=sweep, args=(keeper,)) for keeper in keepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(e.state, e.failures, e.attempt) for e in entries(spool)] == [("ready", 1, 1)]


def test_a_claim_lists_no_more_when_more_is_waiting(spool, put, monkeypatch):
    def listed(count):
        for n in range(count):
            put(spool, f"{count}-{n}")
        scanner, calls = spool.scanner(["TEST"], {}), []
        names = spool.files.names
        monkeypatch.setattr(spool.files, "names", lambda folder: calls.append(folder) or names(folder))
        for _ in range(count):
            assert spool.claim(scanner) is not None
        monkeypatch.setattr(spool.files, "names", names)
        return len(calls) / count

    few, many = listed(5), listed(60)
    assert many <= few and many < 3


def test_a_marker_that_is_listed_but_cannot_be_opened_yet_loses_no_task(root, spool, monkeypatch):
    me = Identity.mine()
    dead = replace(me, worker=f"{me.host}~{me.world}~4194999~1~dead")
    half = Spool(root, Spool.open(root).files, spool.uuid, dead)
    monkeypatch.setattr(half.files, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        half.publish(Task("t1", "TEST", "v"))
    read = spool.files.read

    def stale(path):
        if path.startswith("known/"):
            raise FileNotFoundError(path)  # as CIFS answers for a second after the name was looked up in vain
        return read(path)

    monkeypatch.setattr(spool.files, "read", stale)
    assert janitor(spool).sweep().troubled
    monkeypatch.setattr(spool.files, "read", read)
    janitor(spool).sweep()
    assert [e.state for e in entries(spool)] == ["ready"]


def test_a_staged_child_that_a_janitor_cannot_see_yet_is_not_thrown_away(root, spool, put, monkeypatch):
    put(spool)
    claim = take(spool)
    monkeypatch.setattr(spool, "activate", lambda *_: None)
    spool.commit(claim, done(claim.task), children=[CHILD])
    keeper = Spool.open(root)
    read = keeper.files.read

    def stale(path):
        if "/child-" in path:
            raise FileNotFoundError(path)
        return read(path)

    monkeypatch.setattr(keeper.files, "read", stale)
    janitor(keeper).sweep()
    monkeypatch.setattr(keeper.files, "read", read)
    janitor(keeper).sweep()
    assert len(entries(keeper, "NEXT")) == 1 and keeper.files.names("staging") == []


def test_a_bucket_that_was_made_anew_is_listed_at_the_second_look(spool, put, monkeypatch):
    put(spool)
    stale = [OSError(errno.ESTALE, "Stale file handle")]
    listdir = os.listdir

    def once(fd):
        if stale:
            raise stale.pop()
        return listdir(fd)

    monkeypatch.setattr(atomic.os, "listdir", once)
    assert take(spool) is not None


@pytest.mark.parametrize("what", ["complete/TEST", "known/t1"], ids=["record", "marker"])
def test_a_listing_that_was_overtaken_throws_nothing_away(root, spool, put, monkeypatch, what):
    me = Identity.mine()
    dead = replace(me, worker=f"{me.host}~{me.world}~4194999~1~dead")
    half = Spool(root, Spool.open(root).files, spool.uuid, dead)
    rename = half.files.rename

    def dying(source, target):
        if source.startswith("tmp/once") and what.startswith("known") or source.startswith("staging/"):
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(half.files, "rename", dying)
    with pytest.raises(KeyboardInterrupt):
        put(half)
        claim = take(half)
        half.commit(claim, done(claim.task), children=[CHILD])
    names = spool.files.names
    monkeypatch.setattr(spool.files, "names", lambda f: [] if f.startswith(what) and f.count("/") > 1 else names(f))
    janitor(spool).sweep()
    monkeypatch.setattr(spool.files, "names", names)
    janitor(spool).sweep()
    assert [e.task_id for e in entries(spool)] == ["t1"]
    assert len(entries(spool, "NEXT")) == (what == "complete/TEST")


def test_a_record_that_is_not_activated_yet_is_requeued_with_its_children_published(spool, put, monkeypatch):
    put(spool)
    claim = take(spool)
    activate = spool.activate
    monkeypatch.setattr(spool, "activate", lambda *_: None)
    spool.commit(claim, done(claim.task), children=[CHILD])
    with pytest.raises(TryLater):
        spool.requeue(next(spool.completed()))
    monkeypatch.setattr(spool, "activate", activate)
    assert spool.requeue(next(spool.completed())) is not None
    assert len(entries(spool, "NEXT")) == 1


def test_workers_that_met_at_one_task_part(spool, put):
    for number in range(12):
        put(spool, f"t{number:02d}")
    scanners = [spool.scanner(["TEST"], {}) for _ in range(2)]
    for scanner in scanners:
        scanner.next()
        scanner.collided()
    ways = [[scanner.next().task_id for _ in range(8)] for scanner in scanners]
    assert ways[0] != ways[1]


def test_a_task_that_a_janitor_published_for_us_and_that_is_done_already_is_not_published_again(root, monkeypatch):
    near, far = Spool.open(root), far_spool(root)
    keeper = janitor(near)
    keeper._observer.is_dead = lambda worker, left="": True
    first = []

    def meddle(path, *_):
        if path.startswith("tmp/once") and not first:
            first.append(keeper.sweep())
            claim = take(near)
            near.commit(claim, done(claim.task))

    after_each(far, monkeypatch, "write", meddle)
    assert far.publish(Task("t1", "TEST", "v")) is not None
    assert [e.state for e in entries(near)] == ["complete"]


def test_a_far_publisher_of_many_tasks_is_judged_by_each_file_anew(root, spool):
    now = [0.0]
    keeper, far = janitor(spool, clock=lambda: now[0]), far_spool(root)
    for number in range(9):
        far.files.write(f"tmp/once~20240101T00000000000{number}-t{number}~{far.me.worker}", b"being written")
        now[0] += 29
        keeper.round()
        assert f"once~20240101T00000000000{number}-t{number}~{far.me.worker}" in spool.files.names("tmp")
