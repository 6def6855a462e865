"""A device that cannot mount the share works through HTTP, with the same fencing as everybody."""

from __future__ import annotations

import hashlib

import pytest

from dashtools.spool.janitor import Janitor
from dashtools.spool.queue import Spool

CLAIM = "/api/v1/tasks/claim"


@pytest.fixture
def claimed(desk):
    """One task, claimed by a device; the answer to the claim."""
    desk.library.add("three.mp4")
    answer = desk.get(CLAIM, "POST", json={"device": "jet-1", "task_types": ["INGEST_VIDEO"]})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ask(desk, claimed, what, method="POST", **options):
    headers = {"dashtools-claim": claimed["claim"]}
    return desk.get(f"/api/v1/tasks/{claimed['task']['task_id']}/{what}", method, headers=headers, **options)


def take_over(desk, claimed):
    """What a janitor on another host does once the lease ran out."""
    now = [0.0]
    janitor = Janitor(Spool.open(desk.library.root, host_id="other"), lease_s=60, max_failures=9, clock=lambda: now[0])
    for _ in range(4):
        done = janitor.round()
        now[0] += 30
    assert len(done.taken_over) + sum(e.state == "ready" for e in desk.library.spool.pending("INGEST_VIDEO")) >= 1


def test_the_claim_is_the_name_of_the_claimed_file(desk, claimed):
    (entry,) = desk.library.spool.pending("INGEST_VIDEO")
    assert (entry.state, entry.worker) == ("claimed", claimed["claim"])
    assert claimed["claim"].startswith("http~jet-1~")
    assert claimed["task"]["attempt"] == 1 and claimed["heartbeat_seconds"] == 15.0


def test_with_nothing_pending_a_claim_is_404_and_writes_nothing(desk):
    before = sorted(desk.library.root.rglob("*"))
    answer = desk.get(CLAIM, "POST", json={"device": "jet-1", "task_types": ["INGEST_VIDEO"]})
    assert answer.status_code == 404 and answer.json()["detail"] == "No tasks pending"
    assert sorted(desk.library.root.rglob("*")) == before


def test_a_device_gets_only_what_its_capabilities_serve(desk):
    task = {"task_type": "PREPROCESS_VIDEO", "video_id": "v", "device_capabilities_required": {"coral_tpu": True}}
    assert desk.get("/api/v1/tasks", "POST", json=task).status_code == 201
    wish = {"device": "jet-1", "task_types": ["PREPROCESS_VIDEO"]}
    assert desk.get(CLAIM, "POST", json=wish).status_code == 404
    assert desk.get(CLAIM, "POST", json={**wish, "capabilities": {"coral_tpu": True}}).status_code == 200


def test_asking_again_with_the_same_nonce_gives_the_same_claim(desk):
    desk.library.add("three.mp4")
    desk.library.add("four.mp4")
    wish = {"device": "jet-1", "task_types": ["INGEST_VIDEO"], "nonce": "0123456789abcdef"}
    first, second = (desk.get(CLAIM, "POST", json=wish).json() for _ in range(2))
    assert first["claim"] == second["claim"] and first["task"]["task_id"] == second["task"]["task_id"]
    assert sorted(e.state for e in desk.library.spool.pending()) == ["claimed", "ready"]


@pytest.mark.parametrize(
    "wish",
    [[], {}, {"device": "a~b", "task_types": ["X"]}, {"device": "a", "task_types": ["../x"]}]
    + [{"device": "a", "task_types": []}, {"device": "a", "task_types": ["X"], "nonce": "short"}],
    ids=str,
)
def test_a_wish_that_is_none_is_400(desk, wish):
    assert desk.get(CLAIM, "POST", json=wish).status_code == 400


def test_a_claim_whose_heart_beats_is_not_taken_over(desk, claimed):
    now = [0.0]
    janitor = Janitor(Spool.open(desk.library.root, host_id="other"), lease_s=60, max_failures=9, clock=lambda: now[0])
    for _ in range(6):
        assert janitor.round().taken_over == []
        assert ask(desk, claimed, "heartbeat").status_code == 200
        now[0] += 30


def test_a_claim_that_was_taken_over_is_409_everywhere(desk, claimed):
    take_over(desk, claimed)
    for what, method in (("heartbeat", "POST"), ("complete", "POST"), ("release", "POST"), ("inputs/0", "GET")):
        answer = ask(desk, claimed, what, method)
        assert answer.status_code == 409, (what, answer.text)
    assert ask(desk, claimed, "outputs/x.json", "PUT", content=b"x").status_code == 409
    assert not list(desk.library.spool.completed("INGEST_VIDEO"))[2:]


def test_inputs_come_by_number_and_by_range(desk, claimed):
    source = desk.roots["footage"] / "drive" / "three.mp4"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(bytes(range(200)))
    assert ask(desk, claimed, "inputs/0", "GET").content == bytes(range(200))
    part = desk.get(
        f"/api/v1/tasks/{claimed['task']['task_id']}/inputs/0",
        headers={"dashtools-claim": claimed["claim"], "range": "bytes=10-19"},
    )
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    assert ask(desk, claimed, "inputs/1", "GET").status_code == 404


def test_a_link_out_of_the_storage_is_not_followed(desk, claimed):
    source = desk.roots["footage"] / "drive" / "three.mp4"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.symlink_to("/etc/passwd")
    assert ask(desk, claimed, "inputs/0", "GET").status_code == 404


def test_an_attempt_with_outputs_rows_and_a_new_task_is_committed_whole(desk, claimed):
    sent = ask(desk, claimed, "outputs/thumbs/a.json", "PUT", content=b'{"a": 1}')
    assert sent.status_code == 201 and sent.json()["sha256"] == hashlib.sha256(b'{"a": 1}').hexdigest()
    video_id = claimed["task"]["video_id"]
    body = {
        "outputs": [{"path": "thumbs/a.json", "type": "ingest"}],
        "rows": [{"table": "lowres", "video_id": video_id, "path": {"$out": "thumbs/a.json"}, "height": 720}],
        "metadata": {"seconds": 2},
        "new_tasks": [
            {"task_type": "PREPROCESS_VIDEO", "inputs": [{"device": "$out", "path": "thumbs/a.json", "type": "ingest"}]}
        ],
    }
    done = ask(desk, claimed, "complete", json=body)
    assert done.status_code == 200, done.text
    record = [desk.library.spool.load(e) for e in desk.library.spool.completed("INGEST_VIDEO")][-1]
    path = f"ingest/{video_id}/{record.task_id}.a01/thumbs/a.json"
    assert [(o.device, o.path, o.size_bytes) for o in record.outputs] == [("indoor_nas", path, 8)]
    assert (desk.roots["indoor_nas"] / path).read_bytes() == b'{"a": 1}'
    (child,) = [desk.library.spool.load(e) for e in desk.library.spool.pending("PREPROCESS_VIDEO")]
    assert (child.parent_id, child.inputs[0].path) == (record.task_id, path)
    (rows,) = [p for p in desk.library.root.glob("complete/INGEST_VIDEO/**/*.rows.jsonl") if record.task_id in p.name]
    assert path in rows.read_text()
    assert not list((desk.library.root / "workers").glob("http~*"))


def test_completing_twice_is_completing_once(desk, claimed):
    body = {"new_tasks": [{"task_type": "PREPROCESS_VIDEO"}]}
    first, second = (ask(desk, claimed, "complete", json=body) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["completed_at"] == second.json()["completed_at"]
    assert len(list(desk.library.spool.pending("PREPROCESS_VIDEO"))) == 1


def test_the_error_flag_can_be_set_and_publishes_no_success(desk, claimed):
    done = ask(desk, claimed, "complete", json={"error": {"class": "BadInput", "message": "no moov box"}})
    assert done.json()["condition"] == "failed"
    assert [e.state for e in desk.library.spool.completed("INGEST_VIDEO")].count("failed") == 1


def test_an_output_that_was_never_sent_cannot_be_named(desk, claimed):
    for path in ("nothing.json", "../../../VERSION", "/etc/passwd"):
        answer = ask(desk, claimed, "complete", json={"outputs": [{"path": path, "type": "x"}]})
        assert answer.status_code == 400, path
    assert ask(desk, claimed, "heartbeat").status_code == 200  # the claim still stands


@pytest.mark.parametrize("name", ["..%2fx", "a/../../x", ".hidden", "a//b", "%00"])
def test_an_output_s_name_cannot_leave_its_folder(desk, claimed, name):
    assert ask(desk, claimed, f"outputs/{name}", "PUT", content=b"x").status_code in (400, 404)
    assert not list(desk.roots["indoor_nas"].rglob("x"))


def test_half_a_file_leaves_nothing(desk, claimed, monkeypatch):
    monkeypatch.setattr("dashtools.web.api_claims.FILE_BYTES", 10)
    assert ask(desk, claimed, "outputs/big.bin", "PUT", content=b"x" * 11).status_code == 413
    assert not list(desk.roots["indoor_nas"].rglob("*big*"))


def test_a_claim_given_back_is_ready_at_once_and_a_failed_one_waits(desk, claimed):
    assert ask(desk, claimed, "release", json={"reason": "shutting down"}).status_code == 200
    (entry,) = desk.library.spool.pending("INGEST_VIDEO")
    assert (entry.state, entry.failures, entry.attempt) == ("ready", 0, 1)
    again = desk.get(CLAIM, "POST", json={"device": "jet-1", "task_types": ["INGEST_VIDEO"]}).json()
    assert ask(desk, again, "release", json={"failed": True}).status_code == 200
    (entry,) = desk.library.spool.pending("INGEST_VIDEO")
    assert (entry.state, entry.failures) == ("delayed", 1)


def test_a_claim_of_another_task_does_not_count(desk, claimed):
    other = {**claimed, "task": {"task_id": "another"}}
    assert ask(desk, other, "heartbeat").status_code == 409
    assert ask(desk, other, "complete").status_code == 409


def test_a_task_can_be_claimed_by_its_id_if_it_is_free(desk):
    for name in ("three.mp4", "four.mp4"):
        desk.library.add(name)
    last = sorted(desk.library.spool.pending(), key=lambda entry: entry.key)[-1]
    wish = {"device": "jet-1", "task_types": ["INGEST_VIDEO"], "task_id": last.task_id}
    assert desk.get(CLAIM, "POST", json=wish).json()["task"]["task_id"] == last.task_id
    assert desk.get(CLAIM, "POST", json=wish).status_code == 404
    assert desk.get(CLAIM, "POST", json={**wish, "task_types": ["ARCHIVE_VIDEO"]}).status_code == 404
    assert desk.get(CLAIM, "POST", json={**wish, "task_id": "../x"}).status_code == 400


def test_a_claim_serves_only_the_token_that_made_it(desk):
    from dashtools.web.tokens import Tokens

    tokens = desk.options["tokens"] = Tokens(desk.folder / "local" / "tokens.json")
    mine, other = ({"authorization": f"Bearer {tokens.add(name, 'work')}"} for name in ("mine", "other"))
    desk.library.add("three.mp4")
    got = desk.get(CLAIM, "POST", json={"device": "jet-1", "task_types": ["INGEST_VIDEO"]}, headers=mine).json()
    path = f"/api/v1/tasks/{got['task']['task_id']}"
    for what in ("heartbeat", "complete", "release"):
        answer = desk.get(f"{path}/{what}", "POST", headers={**other, "dashtools-claim": got["claim"]})
        assert answer.status_code == 409, what
    assert desk.get(f"{path}/heartbeat", "POST", headers={**mine, "dashtools-claim": got["claim"]}).status_code == 200


def test_a_wait_is_delayed_and_counts_no_failure(desk, claimed):
    assert ask(desk, claimed, "release", json={"wait": True, "reason": "the camera is busy"}).status_code == 200
    (entry,) = desk.library.spool.pending("INGEST_VIDEO")
    assert (entry.state, entry.failures) == ("delayed", 0)


def test_the_record_tells_of_earlier_attempts_and_the_settings(desk, claimed):
    ask(desk, claimed, "release", json={"reason": "shutting down"})
    again = desk.get(CLAIM, "POST", json={"device": "jet-1", "task_types": ["INGEST_VIDEO"]}).json()
    done = ask(desk, again, "complete", json={"settings": {"sample_fps": 5}}).json()
    assert done["params"]["settings"] == {"sample_fps": 5}
    assert [(e["event"], e.get("message")) for e in done["history"]][1:] == [("released", "shutting down")]
