import os
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from filelock import FileLock

from dashtools.spool import workers
from dashtools.spool.janitor import Janitor
from dashtools.spool.observer import Observer
from dashtools.spool.presence import Presence
from dashtools.spool.queue import Spool
from dashtools.spool.workers import Identity


def as_worker(root, identity: Identity, beat: int = 1) -> Spool:
    opened = Spool.open(root)
    opened.me = identity
    record = {**identity.to_json(), "beat": beat}
    (root / "workers" / f"{identity.worker}.json").write_bytes(orjson.dumps(record))
    return opened


def dead(number: int = 1, **changes: str) -> Identity:
    me = Identity.mine()
    pid = 2**22 + number  # beyond pid_max, proc(5)
    return replace(me, worker=f"{me.host}~{me.world}~{pid}~1~dead", pid=pid, start="1", **changes)


def elsewhere() -> Identity:
    return replace(dead(7), host="elsewhere", worker="elsewhere~0~1~1~far")


def take(spool):
    return spool.claim(spool.scanner(["TEST"], {}))


def janitor(spool, **options):
    return Janitor(spool, **{"lease_s": 60, "max_failures": 3, **options})


def test_a_dead_worker_of_this_host_loses_its_claim_at_once(root, spool, put):
    put(spool)
    take(as_worker(root, dead()))
    done = janitor(spool).round()
    assert len(done.taken_over) == 1 and done.taken_over[0].endswith(".a01.f1.json")
    assert spool.files.names("workers") == []


def test_a_living_worker_keeps_its_claim(root, spool, other, put):
    put(spool)
    presence = Presence(other.files, other.me, lease_s=60, about={})
    presence.enter()
    take(other)
    assert janitor(spool).sweep().taken_over == []
    presence.leave()


def test_a_worker_from_before_the_reboot_is_dead(root, spool, put):
    put(spool)
    worker = dead(boot="another")
    take(as_worker(root, worker))
    os.utime(root / "workers" / f"{worker.worker}.json", (1e9, 1e9))
    assert len(janitor(spool).round().taken_over) == 1


def test_a_cloned_disk_with_our_names_that_beat_since_our_boot_lives(root, spool, put):
    put(spool)
    take(as_worker(root, dead(boot="another")))
    assert janitor(spool).sweep().taken_over == []


def test_another_containers_process_is_judged_by_its_heartbeat_only(root, spool, put):
    put(spool)
    take(as_worker(root, dead(pid_namespace="pid:[1]")))
    assert janitor(spool).round().taken_over == []


def look(observer, now, *moments):
    found = {}
    for now[0] in moments:
        found = observer.dead()
    return found


def test_a_far_worker_is_dead_when_its_heartbeat_stood_still_for_a_lease(root, spool):
    now = [0.0]
    as_worker(root, elsewhere())
    observer = Observer(spool.files, spool.me, 60, clock=lambda: now[0])
    assert look(observer, now, 0, 20, 40, 59) == {}
    as_worker(root, elsewhere(), beat=2)
    assert look(observer, now, 70, 100, 129) == {}  # it beat meanwhile
    assert look(observer, now, 131) == {elsewhere().worker: "lease"}


def test_after_an_outage_the_living_have_two_beats_to_show_themselves(root, spool):
    now = [0.0]
    as_worker(root, elsewhere())
    observer = Observer(spool.files, spool.me, 60, clock=lambda: now[0])
    assert look(observer, now, 0, 500) == {}
    as_worker(root, elsewhere(), beat=2)
    assert look(observer, now, 520, 540) == {}


def test_a_frozen_worker_of_this_host_loses_its_claim_after_a_lease(root, spool):
    now, me = [0.0], Identity.mine()
    as_worker(root, replace(me, worker=me.worker + "x"))
    observer = Observer(spool.files, spool.me, 60, clock=lambda: now[0])
    assert look(observer, now, 0, 30, 59) == {}
    assert look(observer, now, 61) == {me.worker + "x": "lease"}


@pytest.mark.parametrize(
    ("visible", "lock", "how"),
    [(True, "free", "lock"), (False, "free", None), (True, "held", None), (True, "absent", None)],
    ids=["free", "not proved", "held", "no lock file"],
)
def test_two_missed_beats_and_a_free_lock_are_death_where_locks_are_visible(root, spool, visible, lock, how):
    now, far = [0.0], elsewhere()
    as_worker(root, far)
    held = FileLock(str(root / "workers" / f"{far.worker}.lock"))
    if lock != "absent":
        held.acquire()
    if lock == "free":
        held.release()
        (root / "workers" / f"{far.worker}.lock").touch()
    observer = Observer(spool.files, spool.me, 60, lambda: now[0], are_locks_visible=visible)
    assert look(observer, now, 0, 20, 29).get(far.worker) is None
    assert look(observer, now, 31).get(far.worker) == how
    held.release()


def test_a_task_that_kills_every_worker_ends_with_the_error_flag(root, spool, put):
    put(spool)
    for number in range(3):
        assert take(as_worker(root, dead(number))) is not None
        done = janitor(spool).round()
    (record,) = spool.completed()
    assert record.state == "failed" and len(done.given_up) == 1
    assert "death" in spool.load(record).error["message"]


def test_a_delayed_task_wakes_by_the_servers_clock(spool, put, monkeypatch):
    put(spool)
    spool.release(take(spool), reason={"event": "failed"}, delay_s=60)
    assert janitor(spool).round().woken == []
    later = spool.now() + timedelta(seconds=61)
    monkeypatch.setattr(spool, "now", lambda: later)
    assert len(janitor(spool).round().woken) == 1
    assert take(spool) is not None


def test_a_claim_whose_worker_has_no_record_is_found_by_a_sweep(root, spool, put):
    put(spool)
    take(as_worker(root, dead()))
    spool.files.unlink(f"workers/{dead().worker}.json")
    assert len(janitor(spool).sweep().taken_over) == 1


def test_staging_of_a_taken_over_attempt_is_discarded(root, spool, put):
    put(spool)
    zombie = as_worker(root, dead())
    claim = take(zombie)
    zombie._staging.fill("staging/" + claim.entry.key + ".a01", claim.task, (), b"")
    keeper = janitor(spool)
    keeper.round()
    keeper.round()
    assert spool.files.names("staging") == []
    assert take(spool).entry.attempt == 2


@pytest.mark.parametrize("share", ["tmp/clock~x", "tmp/beat~y"])
def test_fresh_scratch_files_are_left_alone(spool, share):
    spool.files.write(share, b"")
    janitor(spool).sweep()
    assert share.partition("/")[2] in spool.files.names("tmp")


def test_presence_leaves_nothing_behind(spool):
    presence = Presence(spool.files, spool.me, lease_s=60, about={"device_id": "d"})
    presence.enter()
    record = orjson.loads(spool.files.read(f"workers/{spool.me.worker}.json"))
    assert record["device_id"] == "d" and workers.is_gone(record, spool.me) is False
    presence.leave()
    assert spool.files.names("workers") == []


def test_the_lock_of_a_worker_that_died_before_its_record_is_removed(root, spool):
    (root / "workers" / f"{dead().worker}.lock").touch()
    (root / "workers" / f"{elsewhere().worker}.lock").touch()
    janitor(spool).sweep()
    assert spool.files.names("workers") == [f"{elsewhere().worker}.lock"]
