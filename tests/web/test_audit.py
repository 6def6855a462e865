"""Who searched, exported and changed what is kept, and no secret with it."""

from __future__ import annotations

import json
import stat

import pytest

from dashtools.web import audit
from dashtools.web.audit import AuditLog
from dashtools.web.tokens import Tokens


@pytest.fixture
def watched(desk):
    desk.options["audit"] = AuditLog(desk.folder / "local" / "audit")
    return desk


def lines(site):
    path = site.folder / "local" / "audit" / "audit.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_search_an_export_a_look_and_a_change_leave_a_line_each(watched):
    watched.get("/search?q=AB12*")
    watched.get("/dash/sightings.csv?_size=5")
    watched.get("/plate/AB12CDE")
    watched.get("/api/v1/tasks", "POST", json={"task_type": "CLEANUP_STORAGE", "video_id": "v"})
    watched.get("/dash-static/style.css")
    kept = [(entry["action"], entry["who"], entry["status"]) for entry in lines(watched)]
    assert kept == [
        ("search", "local", 200),
        ("export", "local", 200),
        ("look", "local", 200),
        ("change", "local", 201),
    ]
    assert lines(watched)[0]["asked"] == {"q": "AB12*"}


def test_a_refusal_is_kept_with_the_name_of_the_token_and_never_the_token(watched):
    tokens = watched.options["tokens"] = Tokens(watched.folder / "local" / "tokens.json")
    text = tokens.add("phone", "read")
    watched.get(f"/search?q=A&access_token={text}")
    watched.get("/api/v1/config", "PUT", json={}, headers={"authorization": f"Bearer {text}"})
    kept = lines(watched)
    assert [(e["action"], e["who"], e["status"]) for e in kept] == [
        ("refused", "nobody", 401),
        ("refused", "phone", 403),
    ]
    assert text not in json.dumps(kept) and kept[0]["asked"]["access_token"] == "(not kept)"


def test_only_its_owner_reads_it(watched):
    watched.get("/search?q=AB12*")
    folder = watched.folder / "local" / "audit"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "audit.jsonl").stat().st_mode) == 0o600


def test_a_full_file_makes_room_and_the_oldest_goes(tmp_path):
    log = AuditLog(tmp_path / "audit", file_bytes=300, files=3)
    for number in range(40):
        log.write("search", "a", "::1", 200, f"GET /search {number}", {})
    names = sorted(path.name for path in (tmp_path / "audit").iterdir())
    assert set(names) <= {"audit.jsonl", "audit.1.jsonl", "audit.2.jsonl"} and "audit.2.jsonl" in names
    text = "".join((tmp_path / "audit" / name).read_text() for name in names)
    assert "GET /search 39" in text and 'GET /search 0"' not in text


def test_a_disk_that_refuses_is_said_once_and_stops_nobody(watched, caplog):
    (watched.folder / "local" / "audit").write_text("a file where the folder should be")
    assert [watched.get("/search?q=A").status_code for _ in range(2)] == [200, 200]
    assert [r.message for r in caplog.records if "audit" in r.message][1:] == []


@pytest.mark.parametrize(
    ("method", "path", "query", "status", "action"),
    [
        ("GET", "/dash", "sql=select+1", 200, "search"),
        ("GET", "/dash/reads", "text__contains=AB", 200, "search"),
        ("GET", "/search.csv", "q=A", 200, "export"),
        ("GET", "/", "", 200, None),
        ("POST", "/login", "", 303, "change"),
        ("POST", "/login", "", 403, "refused"),
        ("POST", "/login", "", 429, "refused"),
        ("GET", "/media/" + "0" * 24, "", 206, None),
    ],
)
def test_what_counts_as_what(method, path, query, status, action):
    assert audit.action_of(method, path, query, status) == action


def test_control_characters_cannot_forge_a_line(watched):
    watched.get("/search?q=a%0A%7B%22action%22%3A%22x%22%7D")
    assert len(lines(watched)) == 1
