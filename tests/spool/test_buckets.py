"""No folder grows without bound, and the oldest task still comes first."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from dashtools.model import ChildTask, Task, with_changes
from dashtools.spool import layout, scan
from dashtools.spool.buckets import Buckets
from dashtools.spool.janitor import Janitor
from dashtools.spool.queue import Spool
from dashtools.times import UTC

START = datetime(2024, 1, 15, 14, 25, tzinfo=UTC)


@pytest.fixture
def small(spool):
    """A spool whose folders are full with 8 names, looked at after every second."""
    spool.buckets = Buckets(spool.files, most=8, look_after=2)
    spool._staging._buckets = spool.buckets
    return spool


def sizes(spool: Spool, top: str) -> dict[str, int]:
    found = Counter(path.parent.name for path in (spool.root / top).rglob("*") if path.is_file())
    return dict(found)


def test_tasks_of_one_minute_spread_over_finer_folders_and_keep_their_order(small, monkeypatch):
    now = [START]
    monkeypatch.setattr("dashtools.spool.queue.utc_now", lambda: now[0])
    for number in range(40):
        now[0] = START + timedelta(seconds=number)
        small.publish(Task(f"t{number:02d}", "TEST", "v"))
    found = sizes(small, "pending")
    assert max(found.values()) <= 10 and "20240115T1425" in found and "20240115T14251" in found
    scanner = small.scanner(["TEST"], {})
    assert [small.claim(scanner).task.task_id for _ in range(40)] == [f"t{number:02d}" for number in range(40)]


def test_children_of_one_parent_spread_though_they_have_its_time(small, put):
    put(small)
    claim = small.claim(small.scanner(["TEST"], {}))
    wishes = [ChildTask("NEXT", params={"n": number}) for number in range(150)]
    small.commit(claim, with_changes(claim.task, state="complete"), children=wishes)
    found = sizes(small, "pending")
    assert sum(found.values()) == 150 and max(found.values()) <= 10
    assert any(len(name) > layout.TIME_LENGTH for name in found)


def test_records_of_one_hour_spread_and_are_found(small, put, monkeypatch):
    for number in range(30):
        put(small, f"t{number:02d}")
    scanner = small.scanner(["TEST"], {})
    while (claim := small.claim(scanner)) is not None:
        small.commit(claim, with_changes(claim.task, state="complete", completed_at="x"), rows=b"{}\n")
    found = sizes(small, "complete")
    assert max(found.values()) <= 12 and len(found) > 3
    assert len(list(small.completed())) == 30 and len(list(scan.leaves(small.files))) == len(found)
    for entry in small.completed():
        assert small.rows(entry) == b"{}\n"
        assert [e.path for e in scan.records_of(small.files, entry.key)] == [entry.path]


def test_a_requeued_task_leaves_nothing_behind_in_another_leaf(small, put):
    for number in range(12):
        put(small, f"t{number:02d}")
    scanner = small.scanner(["TEST"], {})
    while (claim := small.claim(scanner)) is not None:
        small.commit(claim, with_changes(claim.task, state="complete", completed_at="x"), rows=b"{}\n")
    entry = min(small.completed(), key=lambda e: e.key)
    unlink = small.files.unlink
    small.files.unlink = lambda path: None  # it dies before it has removed the record and its rows
    small.requeue(entry)
    small.files.unlink = unlink
    again = small.claim(small.scanner(["TEST"], {}))
    path = small.commit(again, with_changes(again.task, state="complete", completed_at="x"), rows=b"{}\n")
    assert path.parent.name != entry.path.split("/")[5]
    assert len([p for p in small.root.glob(f"complete/**/{entry.key}*") if p.suffix != ".moved"]) == 2


def test_a_committed_attempt_is_found_in_a_finer_leaf(small, put, monkeypatch):
    small.buckets._full.add(layout.complete_folder("TEST", layout.make_key(START, "x")))
    monkeypatch.setattr("dashtools.spool.queue.utc_now", lambda: START)
    put(small)
    claim = small.claim(small.scanner(["TEST"], {}))
    monkeypatch.setattr(small, "activate", lambda *_: None)
    path = small.commit(claim, with_changes(claim.task, state="complete"), children=[ChildTask("NEXT")])
    assert path.parent.name == "142"
    other = Spool.open(small.root)
    assert len(Janitor(other, lease_s=60, max_failures=3).sweep().activated) == 1
    assert other.load(next(other.completed("TEST"))).state == "complete" and len(list(other.pending("NEXT"))) == 1


def test_a_folder_is_listed_once_for_many_tasks(spool, monkeypatch):
    listed = []
    names = spool.files.names
    monkeypatch.setattr(spool.files, "names", lambda folder: listed.append(folder) or names(folder))
    for number in range(600):
        spool.buckets.pending_folder("TEST", "any", 5, layout.make_key(START, f"t{number}"))
    assert len(listed) == 2


def test_folders_that_were_full_long_ago_are_forgotten(spool, monkeypatch):
    monkeypatch.setattr("dashtools.spool.buckets.REMEMBERED", 3)
    buckets = Buckets(spool.files, most=0, look_after=1)
    for minute in range(4):
        key = layout.make_key(START + timedelta(minutes=minute), "x")
        assert len(buckets.pending_folder("TEST", "any", 5, key).rpartition("/")[2]) == layout.MINUTE_LENGTH
    assert not buckets._full
