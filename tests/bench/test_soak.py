"""A bounded share of the soak, and that its audit can find fault."""

from __future__ import annotations

from collections import Counter

import pytest

from dashtools.bench.audit import audit
from dashtools.bench.soak import Plan, Soak
from dashtools.bench.toys import TYPE
from dashtools.model import Task, with_changes
from dashtools.spool.queue import Spool


@pytest.mark.slow
@pytest.mark.parametrize("visible", [False, True], ids=["by lease", "by lock"])
def test_killed_and_frozen_workers_lose_and_double_nothing(tmp_path, visible):
    plan = Plan([tmp_path], events=60, workers=4, seed=7, locks_visible=visible)
    found = Soak(plan, tmp_path / "logs", say=lambda text: None).run()
    assert found.faults == [] and found.tasks >= 100
    assert found.taken_over["lock" if visible else "lease"] > 0


@pytest.fixture
def finished(tmp_path):
    """A spool with one finished toy task, and an empty folder of logs."""
    (tmp_path / "logs").mkdir()
    Spool.create(tmp_path / "spool")
    spool = Spool.open(tmp_path / "spool")
    spool.publish(Task("a", TYPE, "v", params={"fan": []}))
    claim = spool.claim(spool.scanner([TYPE], {}))
    final = with_changes(claim.task, state="complete", completed_at="2024-01-01T00:00:00Z")
    spool.commit(claim, final, rows=b"{}\n")
    return spool, tmp_path / "logs"


def test_an_audit_finds_nothing_where_all_is_well(finished):
    spool, logs = finished
    assert audit(spool, ["a"], Counter(), logs).faults == []


@pytest.mark.parametrize(
    ("roots", "requeued", "log", "words"),
    [
        (["a", "b"], {}, "", "b was lost"),
        ([], {}, "", "nobody committed its parent"),
        (["a"], {"a": 1}, "", "requeued 1"),
        (["a"], {}, "a 2\n", "reported"),
        (["a"], {}, "a 1\na 1\n", "reported"),
    ],
    ids=["lost", "stranger", "requeue undone", "commit undone", "committed twice"],
)
def test_an_audit_finds_fault(finished, roots, requeued, log, words):
    spool, logs = finished
    (logs / "w.log").write_text(log)
    assert any(words in fault for fault in audit(spool, roots, requeued, logs).faults)
