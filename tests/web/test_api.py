"""The API lists and changes tasks through the spool, and says no in problem+json."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashtools.model import Task
from dashtools.spool.queue import Spool

TASKS = "/api/v1/tasks"


def is_problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["status"] == status
    return answer.json()["detail"]


def test_tasks_come_page_by_page_with_their_total(desk):
    pages = [desk.get(f"{TASKS}?state=complete&limit=3&offset={n}") for n in (0, 3, 6)]
    assert [len(page.json()) for page in pages] == [3, 3, 2]
    assert {page.headers["x-total-count"] for page in pages} == {"8"}
    ids = [task["task_id"] for page in pages for task in page.json()]
    assert len(set(ids)) == 8 and all(task["state"] == "complete" for task in pages[0].json())


def test_a_worker_that_pulls_gets_the_ready_task_and_404_when_there_is_none(desk):
    assert is_problem(desk.get(f"{TASKS}?type=INGEST_VIDEO&limit=1"), 404) == "No tasks pending"
    desk.library.add("three.mp4")
    (task,) = desk.get(f"{TASKS}?type=INGEST_VIDEO&limit=1").json()
    assert (task["video_id"], task["state"], task["condition"]) == ("three-0a1b2c3d", "pending", "ready")
    assert [e.state for e in desk.library.spool.pending()] == ["ready"]  # GET never claims


@pytest.mark.parametrize("query", ["state=running", "limit=-1", "limit=9999", "offset=x", "type=../etc", "limit=1e3"])
def test_a_bad_query_is_400(desk, query):
    is_problem(desk.get(f"{TASKS}?{query}"), 400)


def test_a_posted_task_lies_in_the_spool_and_is_published_once_for_ever(desk):
    task = {"task_id": "abc", "task_type": "CLEANUP_STORAGE", "video_id": "v", "priority": 2}
    made = desk.get(TASKS, "POST", json=task)
    assert made.status_code == 201 and made.headers["location"] == "/api/v1/tasks/abc"
    (entry,) = desk.library.spool.pending("CLEANUP_STORAGE")
    assert (entry.task_id, entry.priority) == ("abc", 2)
    is_problem(desk.get(TASKS, "POST", json=task), 409)


@pytest.mark.parametrize(
    "change",
    [
        {"task_type": "lower"},
        {"video_id": "../../etc"},
        {"video_id": ""},
        {"task_id": "a/b"},
        {"priority": 11},
        {"inputs": [{"device": "indoor_nas", "path": "../../etc/passwd", "type": "video"}]},
        {"inputs": [{"device": "indoor_nas", "path": "/etc/passwd", "type": "video"}]},
        {"inputs": "all"},
        {"device_capabilities_required": {"../x": True}},
    ],
    ids=str,
)
def test_a_task_that_is_none_or_climbs_out_of_its_storage_is_refused(desk, change):
    is_problem(desk.get(TASKS, "POST", json={"task_type": "INGEST_VIDEO", "video_id": "v", **change}), 400)
    assert not list(desk.library.spool.pending())


def test_a_stranger_cannot_publish_a_finished_task_or_a_history(desk):
    task = {"task_id": "abc", "task_type": "CLEANUP_STORAGE", "video_id": "v"}
    lies = {"history": [{"event": "complete"}], "state": "complete", "outputs": [], "error": {"class": "x"}}
    made = desk.get(TASKS, "POST", json={**task, **lies}).json()
    assert made["state"] == "pending" and made["error"] is None
    assert [entry["event"] for entry in made["history"]] == ["published"]


def test_bodies_are_bounded_and_must_say_that_they_are_json(desk):
    is_problem(desk.get(TASKS, "POST", content=b"x" * (2 << 20), headers={"content-type": "application/json"}), 413)
    is_problem(desk.get(TASKS, "POST", content=b"{}", headers={"content-type": "text/plain"}), 415)
    is_problem(desk.get(TASKS, "POST", content=b"{", headers={"content-type": "application/json"}), 400)


def test_a_ready_task_is_completed_by_its_state_once(desk):
    desk.library.spool.publish(Task("abc", "CLEANUP_STORAGE", "v"))
    done = desk.get(f"{TASKS}/abc", "PUT", json={"state": "complete"})
    assert done.status_code == 200 and done.json()["state"] == "complete"
    assert [entry.task_id for entry in desk.library.spool.completed("CLEANUP_STORAGE")] == ["abc"]
    again = desk.get(f"{TASKS}/abc", "PUT", json={"state": "complete"})
    assert again.status_code == 200 and again.json()["completed_at"] == done.json()["completed_at"]
    is_problem(desk.get(f"{TASKS}/abc", "PUT", json={"state": "pending"}), 400)


def test_a_task_in_other_hands_is_not_completed(desk):
    desk.library.spool.publish(Task("abc", "CLEANUP_STORAGE", "v"))
    desk.library.claim(("CLEANUP_STORAGE",))
    is_problem(desk.get(f"{TASKS}/abc", "PUT", json={"state": "complete"}), 409)
    is_problem(desk.get(f"{TASKS}/nobody"), 404)


def test_completing_with_an_array_of_new_tasks_publishes_them(desk):
    desk.library.spool.publish(Task("abc", "CLEANUP_STORAGE", "v"))
    done = desk.get(f"{TASKS}/abc/complete", "POST", json=[{"task_type": "FINALIZE_VIDEO"}])
    assert done.status_code == 200
    (child,) = [desk.library.spool.load(entry) for entry in desk.library.spool.pending("FINALIZE_VIDEO")]
    assert (child.parent_id, child.video_id) == ("abc", "v")


def test_a_refused_completion_gives_the_task_back(desk):
    desk.library.spool.publish(Task("abc", "CLEANUP_STORAGE", "v"))
    is_problem(desk.get(f"{TASKS}/abc/complete", "POST", json=[{"task_type": "no"}]), 400)
    assert [entry.state for entry in desk.library.spool.pending()] == ["ready"]


def test_the_configuration_changes_only_from_the_version_that_was_read(desk):
    read = desk.get("/api/v1/config")
    tag = read.headers["etag"]
    first = desk.get("/api/v1/config", "PUT", json={"devices": {}}, headers={"if-match": tag})
    assert first.status_code == 200 and first.headers["etag"] != tag
    is_problem(desk.get("/api/v1/config", "PUT", json={"devices": {"x": {}}}, headers={"if-match": tag}), 412)
    assert desk.get("/api/v1/config").json()["devices"] == {}
    assert desk.get("/api/v1/config", headers={"if-none-match": first.headers["etag"]}).status_code == 304
    assert "did you mean" in is_problem(desk.get("/api/v1/config", "PUT", json={"globle": 1}), 422)


def test_devices_say_who_is_alive_and_what_they_hold(desk):
    (desk.library.root / "devices" / "nas.json").write_text('{"device_id": "nas", "hostname": "nas-1"}')
    desk.library.add("three.mp4")
    desk.get("/api/v1/tasks/claim", "POST", json={"device": "jet", "task_types": ["INGEST_VIDEO"]})
    devices = {device["device_id"]: device for device in desk.get("/api/v1/devices").json()}
    assert devices["nas"]["status"]["online"] is False
    assert devices["jet"]["status"]["online"] is True and devices["jet"]["status"]["tasks_running"] == 1
    assert desk.get("/api/v1/devices/nas").json()["hostname"] == "nas-1"
    is_problem(desk.get("/api/v1/devices/none"), 404)


def test_a_device_registers_itself_as_the_schema_says(desk):
    able = {"cpu_cores": 4, "cpu_arch": "arm64", "memory_gb": 4, "storage_gb": None, "gpu": None, "accelerators": []}
    device = {"device_id": "jetson.local", "hostname": "jetson-1", "device_type": "jetson_coral"}
    device |= {"task_types_supported": ["PREPROCESS_VIDEO"], "capabilities": able, "status": {"online": True}}
    assert desk.get("/api/v1/devices/jetson.local", "PUT", json=device).status_code == 200
    assert desk.get("/api/v1/devices/jetson.local").json()["capabilities"] == able
    is_problem(desk.get("/api/v1/devices/another", "PUT", json=device), 400)
    is_problem(desk.get("/api/v1/devices/jetson.local", "PUT", json={**device, "hostname": 3}), 400)
    is_problem(desk.get("/api/v1/devices/jetson.local", "PUT", json=[]), 400)


def test_health_and_metrics_tell_the_queue(desk):
    desk.library.add("three.mp4")
    assert desk.get("/api/v1/health").json()["status"] == "ok"
    text = desk.get("/api/v1/metrics").text
    assert 'dashtools_tasks{type="INGEST_VIDEO",condition="ready"} 1' in text
    assert 'dashtools_finished_tasks{type="ARCHIVE_VIDEO",condition="complete"} 2' in text
    assert 'dashtools_oldest_task_age_seconds{type="INGEST_VIDEO",condition="ready"}' in text
    assert 'dashtools_storage_mounted{storage="shed_nas"} 1' in text
    for name in ("spool_free_bytes", "index_age_seconds", "sightings", "workers", "storage_free_bytes"):
        assert re.search(rf"^dashtools_{name}(\{{.*\}})? [0-9.]+$", text, re.M), name


def test_the_metrics_keep_their_form_and_tell_no_plate_place_or_clip(desk):
    desk.library.add("secret trip.mp4")
    desk.library.finish(desk.library.claim(), fails="secret trip.mp4: AB12CDE was at 51.5, -0.1")
    desk.refresh()
    text = desk.get("/api/v1/metrics").text
    assert 'dashtools_failures{class="BadInput"} 1' in text
    assert not any(word in text for word in ("AB12", "secret", "51.5", str(desk.folder)))
    families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
    form = r'(# (HELP|TYPE) .+|dashtools_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+-]+)'
    assert [line for line in text.splitlines() if not re.fullmatch(form, line)] == []


def test_health_says_what_is_not_well_and_tells_strangers_one_word(desk):
    from dashtools.web.tokens import Tokens

    desk.roots["shed_nas"].rename(desk.folder / "unplugged")
    desk.roots["shed_nas"].mkdir()  # the empty folder where it would be mounted
    found = desk.get("/api/v1/health").json()
    assert (found["status"], found["reasons"]) == ("degraded", ["the storage shed_nas is not mounted"])
    desk.options["tokens"] = Tokens(desk.folder / "local" / "tokens.json")
    desk.options["tokens"].add("a", "read")
    desk.restart()
    assert desk.get("/api/v1/health").json() == {"status": "degraded"}


def test_a_share_that_hangs_holds_up_no_answer(desk, monkeypatch):
    import threading

    from dashtools.web import api_status
    from dashtools.web.api_settings import ApiSettings

    monkeypatch.setattr(api_status, "ANSWER_WITHIN_S", 0.05)
    ends = threading.Event()

    def hanging(settings):
        ends.wait(60)
        raise OSError("at last")

    monkeypatch.setattr(ApiSettings, "opened", hanging)
    threading.Timer(0.5, ends.set).start()  # asyncio.run waits for its threads
    answer = desk.get("/api/v1/health")
    assert answer.status_code == 503 and answer.json()["status"] == "spool away"


def test_a_page_may_span_waiting_and_finished_tasks(desk):
    for name in ("three.mp4", "four.mp4"):
        desk.library.add(name)
    pages = [desk.get(f"{TASKS}?limit=4&offset={n}") for n in (0, 4, 8)]
    assert [len(page.json()) for page in pages] == [4, 4, 2]
    assert {page.headers["x-total-count"] for page in pages} == {"10"}
    assert [task["state"] for task in pages[0].json()] == ["pending"] * 2 + ["complete"] * 2
    assert len({task["task_id"] for page in pages for task in page.json()}) == 10


def test_a_listing_reads_no_more_than_its_page(desk, monkeypatch):
    for number in range(30):
        desk.library.add(f"x{number:02d}.mp4")
    read, real = [], Spool.load
    monkeypatch.setattr(Spool, "load", lambda spool, entry: (read.append(entry), real(spool, entry))[1])
    assert len(desk.get(f"{TASKS}?type=INGEST_VIDEO&limit=3&offset=5").json()) == 3
    assert len(desk.get(f"{TASKS}?state=complete&limit=2").json()) == 2
    assert len(read) == 5


def test_a_task_is_found_where_it_went_after_the_index_saw_it(desk):
    desk.library.add("three.mp4")
    desk.refresh()
    (entry,) = desk.library.spool.pending()
    desk.library.work(1)
    assert desk.get(f"{TASKS}/{entry.task_id}").json()["state"] == "complete"


PATHS = [("GET", "/tasks"), ("GET", "/tasks/a"), ("GET", "/devices"), ("GET", "/metrics"), ("GET", "/health")]


@pytest.mark.parametrize(("method", "path"), PATHS, ids=lambda value: value)
def test_while_the_share_is_away_the_answer_is_503_with_a_time_to_wait_and_no_path(desk, method, path):
    (desk.library.root / "VERSION").rename(desk.library.root / "away")
    answer = desk.get(f"/api/v1{path}", method)
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    assert str(desk.folder) not in answer.text


def test_what_is_not_there_and_other_methods_are_problems(desk):
    is_problem(desk.get("/api/v1/nothing"), 404)
    answer = desk.get("/api/v1/tasks", "DELETE")
    is_problem(answer, 405)
    assert answer.headers["allow"] == "GET, POST"


def test_the_openapi_document_lists_every_route_of_the_table(desk):
    from dashtools.web.api_routes import ROUTES

    found = desk.get("/api/v1/openapi.json").json()
    listed = {(method.upper(), path) for path, methods in found["paths"].items() for method in methods}
    assert listed == {(route.method, route.path) for route in ROUTES}
    for methods in found["paths"].values():
        for operation in methods.values():
            body = operation.get("requestBody", {"content": {}})["content"].get("application/json")
            assert operation["summary"]
            assert body is None or body["schema"]["$ref"].rpartition("/")[2] in found["components"]["schemas"]


def test_every_route_of_the_table_is_served(desk):
    from dashtools.web.api_routes import ROUTES

    for route in ROUTES:
        path = route.path.replace("{id}", "a").replace("{n}", "0").replace("{name}", "x.json").replace("{device}", "a")
        answer = desk.get(f"/api/v1{path}", route.method, json={} if route.body else None)
        assert answer.status_code in route.statuses, (route, answer.text)


def test_the_page_of_the_documentation_lists_every_route_and_its_scope():
    from dashtools.web.api_routes import ROUTES

    page = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
    listed = re.findall(r"^\| `([A-Z]+) ([^`]+)` \| (\w+) \|", page, re.M)
    free = {("GET", "/health")}
    table = {(r.method, r.path, "none" if (r.method, r.path) in free else r.scope) for r in ROUTES}
    assert set(listed) == table
