"""Two hosts whose clocks are an hour apart: nothing breaks, only the order in which tasks are taken."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dashtools.model import ChildTask, Task, with_changes
from dashtools.spool import janitor as janitors
from dashtools.spool import queue
from dashtools.spool.janitor import Janitor
from dashtools.spool.queue import Spool
from dashtools.times import UTC, utc_now

HOUR = timedelta(hours=1)


@pytest.fixture
def skewed(monkeypatch):
    """Says whose clock runs now: the hosts take turns."""

    def as_host(ahead: timedelta) -> None:
        for module in (queue, janitors):
            monkeypatch.setattr(module, "utc_now", lambda: utc_now() + ahead)

    return as_host


def take(spool):
    return spool.claim(spool.scanner(["TEST"], {}))


def test_tasks_of_both_hosts_are_done_once_by_either(root, skewed):
    fast, slow = Spool.open(root, host_id="fast"), Spool.open(root, host_id="slow")
    for number in range(3):
        skewed(HOUR)
        assert fast.publish(Task(f"fast{number}", "TEST", "v"))
        skewed(-HOUR)
        assert slow.publish(Task(f"slow{number}", "TEST", "v"))
        assert slow.publish(Task(f"fast{number}", "TEST", "v")) is None
    order = []
    for number in range(6):
        skewed(HOUR if number % 2 else -HOUR)
        spool = fast if number % 2 else slow
        claim = take(spool)
        order.append(claim.task.task_id)
        final = with_changes(claim.task, state="complete", completed_at="2024-01-01T00:00:00Z")
        spool.commit(claim, final, children=[ChildTask("NEXT")])
    assert order == ["slow0", "slow1", "slow2", "fast0", "fast1", "fast2"]
    assert len({e.task_id for e in fast.pending("NEXT")}) == 6 and len(list(fast.completed("TEST"))) == 6


@pytest.mark.parametrize("ahead", [HOUR, -HOUR], ids=["fast", "slow"])
def test_a_delay_is_counted_by_the_servers_clock(root, skewed, ahead):
    here, there = Spool.open(root, host_id="here"), Spool.open(root, host_id="there")
    skewed(ahead)
    here.publish(Task("t1", "TEST", "v"))
    here.release(take(here), reason={"event": "failed"}, delay_s=600)
    for other in (timedelta(0), HOUR, -HOUR):
        skewed(other)
        assert Janitor(there, lease_s=60, max_failures=3).sweep().woken == []
    (entry,) = there.pending()
    due = datetime.strptime(entry.not_before, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    assert abs((due - there.now()).total_seconds() - 600) < 60


def test_a_living_worker_with_a_wrong_clock_is_not_taken_for_dead(root, skewed):
    fast, slow = Spool.open(root, host_id="fast"), Spool.open(root, host_id="slow")
    from dashtools.spool.presence import Presence

    skewed(HOUR)
    presence = Presence(fast.files, fast.me, lease_s=60, about={})
    presence.beat()
    fast.publish(Task("t1", "TEST", "v"))
    claim = take(fast)
    skewed(-HOUR)
    now = [0.0]
    keeper = Janitor(slow, lease_s=60, max_failures=3, clock=lambda: now[0])
    for moment in range(0, 600, 15):
        now[0] = float(moment)
        presence.beat()
        assert keeper.round().taken_over == []
    fast.commit(claim, with_changes(claim.task, state="complete", completed_at="2024-01-01T00:00:00Z"))
    assert [e.state for e in slow.completed()] == ["complete"]
