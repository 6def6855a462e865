import orjson
import pytest

from dashtools.errors import ClaimLost, TaskSystemError, TryLater
from dashtools.model import ChildTask, with_changes
from dashtools.spool import scan
from dashtools.spool import task as tasks
from dashtools.spool.janitor import Janitor
from dashtools.spool.queue import Spool

CHILDREN = [ChildTask("NEXT", params={"n": 1}), ChildTask("NEXT", params={"n": 2})]


def take(spool, types=("TEST",), capabilities=None):
    return spool.claim(spool.scanner(types, capabilities or {}))


def done(task, **fields):
    return with_changes(task, state="complete", completed_at="2024-01-01T00:00:00Z", **fields)


def states(spool):
    return sorted((e.task_type, e.state) for e in [*spool.pending(), *spool.completed()])


def test_a_folder_without_version_is_an_unmounted_share(tmp_path):
    with pytest.raises(TryLater, match="no VERSION"):
        Spool.open(tmp_path)


def test_a_folder_with_other_things_does_not_become_a_spool(tmp_path):
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(TaskSystemError, match=r"holiday\.jpg"):
        Spool.create(tmp_path)


def test_publishing_twice_is_publishing_once(spool, put):
    task = put(spool)
    assert spool.publish(task) is None
    assert states(spool) == [("TEST", "ready")]


def test_a_finished_task_is_not_published_again(spool, put):
    task = put(spool)
    claim = take(spool)
    spool.commit(claim, done(claim.task))
    assert spool.publish(task) is None
    assert states(spool) == [("TEST", "complete")]


def test_a_task_is_claimed_once(spool, other, put):
    put(spool)
    assert take(spool) is not None
    assert take(other) is None


def test_a_claim_stays_in_its_folder_under_the_claimers_name(spool, put):
    put(spool)
    claim = take(spool)
    assert claim.path.endswith(f".a01.f0.run~{spool.me.worker}")
    assert claim.path.startswith("pending/TEST/any/5/")


def test_the_oldest_task_of_the_highest_priority_comes_first(spool, put):
    for task_id, priority in (("late", 5), ("later", 5), ("urgent", 0)):
        put(spool, task_id, priority=priority)
    assert [take(spool).task.task_id for _ in range(3)] == ["urgent", "late", "later"]


def test_an_urgent_task_passes_a_listing_that_is_already_cached(spool, put):
    for n in range(3):
        put(spool, f"t{n}")
    now = [0.0]
    scanner = scan.Scanner(spool.files, ["TEST"], {}, lambda: now[0])
    assert spool.claim(scanner).task.task_id == "t0"
    put(spool, "urgent", priority=0)
    now[0] += scan.PASSED_LIFE_S
    assert spool.claim(scanner).task.task_id == "urgent"


def test_only_a_device_with_the_capability_gets_the_task(spool, put):
    put(spool, device_capabilities_required={"coral_tpu": True})
    assert take(spool) is None
    assert take(spool, capabilities={"coral_tpu": True}) is not None


def test_a_commit_publishes_children_rows_and_record(spool, put):
    put(spool)
    claim = take(spool)
    path = spool.commit(claim, done(claim.task), children=CHILDREN, rows=b'{"table":"videos"}\n')
    record = tasks.from_bytes(path.read_bytes())
    assert record.state == "complete"
    assert path.with_name(path.name.replace(".json", ".rows.jsonl")).read_bytes() == b'{"table":"videos"}\n'
    children = [spool.load(entry) for entry in spool.pending()]
    assert [child.params["n"] for child in sorted(children, key=lambda c: c.params["n"])] == [1, 2]
    assert {child.parent_id for child in children} == {"t1"}
    assert spool.files.names("staging") == []


def test_nothing_of_an_attempt_is_visible_before_its_commit(spool, put, monkeypatch):
    put(spool)
    claim = take(spool)
    seen = []
    rename = spool.files.rename

    def watching(source, target):
        if target.startswith("complete/") and source == claim.path:
            seen.extend(states(spool))
        rename(source, target)

    monkeypatch.setattr(spool.files, "rename", watching)
    spool.commit(claim, done(claim.task), children=CHILDREN)
    assert seen == [("TEST", "claimed")]


def test_a_zombie_cannot_commit(spool, other, put):
    put(spool)
    claim = take(spool)
    stolen = claim.path.replace(f".run~{spool.me.worker}", ".json")
    other.files.rename(claim.path, stolen)
    with pytest.raises(ClaimLost):
        spool.commit(claim, done(claim.task), children=CHILDREN)
    assert states(spool) == [("TEST", "ready")]
    Janitor(other, lease_s=60, max_failures=3).sweep()
    assert spool.files.names("staging") == []


def test_child_ids_do_not_depend_on_how_often_the_parent_was_claimed(spool, put):
    put(spool)
    for _ in range(3):
        spool.release(take(spool), reason={"event": "interrupted"})
    claim = take(spool)
    assert claim.entry.attempt == 4
    fresh = with_changes(claim.task, attempt=1)
    ids = {tasks.child_id(task, CHILDREN[0], 0) for task in (claim.task, fresh)}
    assert len(ids) == 1


def test_a_released_task_waits_out_its_delay(spool, put):
    put(spool)
    path = spool.release(take(spool), reason={"event": "failed"}, failures=1, delay_s=60)
    assert "/delayed/" in str(path)
    assert take(spool) is None


def test_why_an_attempt_ended_is_kept(spool, put):
    put(spool)
    spool.release(take(spool), reason={"event": "failed", "message": "boom"})
    claim = take(spool)
    assert [(a["attempt"], a["message"]) for a in spool.attempts(claim.entry)] == [(1, "boom")]


def test_a_file_that_is_no_task_is_claimed_with_its_problem(spool, put):
    put(spool)
    entry = next(spool.pending())
    (spool.root / entry.path).write_bytes(b"{ not json")
    assert "not JSON" in take(spool).problem


@pytest.mark.parametrize("error", [None, {"class": "BadInput", "message": "broken"}], ids=["complete", "failed"])
def test_a_requeued_task_is_a_new_attempt_with_its_history(spool, put, error):
    put(spool)
    claim = take(spool)
    spool.commit(claim, done(claim.task, error=error), children=CHILDREN, rows=b"{}\n")
    first = {e.task_id for e in spool.pending()}
    spool.requeue(next(e for e in spool.completed()))
    assert not list(spool.root.glob("complete/**/*.jsonl"))
    again = take(spool)
    assert again.entry.attempt == 2 and again.task.generation == 1 and again.task.error is None
    spool.commit(again, done(again.task), children=CHILDREN)
    assert len({e.task_id for e in spool.pending()} - first) == 2


def test_requeue_cut_before_the_rewrite_is_finished_by_the_next_claim(spool, put):
    put(spool)
    claim = take(spool)
    spool.commit(claim, done(claim.task, error={"class": "X", "message": "y"}))
    entry = next(spool.completed())
    ready = claim.path.replace(f".run~{spool.me.worker}", ".json")
    spool.files.rename(entry.path, ready)  # the record as it was, in pending: what a killed requeue leaves
    again = take(spool)
    assert again.task.state == "pending" and again.task.error is None and again.task.generation == 1


def test_a_task_survives_fields_it_does_not_know(spool, put):
    put(spool, extra={"from_the_future": 7})
    claim = take(spool)
    path = spool.commit(claim, done(claim.task))
    assert orjson.loads(path.read_bytes())["from_the_future"] == 7
