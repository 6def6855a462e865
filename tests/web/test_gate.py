"""Who may ask: tokens with scopes, no foreign pages, no tokens in URLs."""

from __future__ import annotations

import base64

import pytest

from dashtools.web.tokens import Tokens

TASK = {"task_type": "CLEANUP_STORAGE", "video_id": "v"}


@pytest.fixture
def tokens(desk):
    desk.options["tokens"] = Tokens(desk.folder / "local" / "tokens.json")
    return desk.options["tokens"]


def bearer(text):
    return {"authorization": f"Bearer {text}"}


@pytest.mark.parametrize("path", ["/", "/search?q=AB12", "/dash/sightings", "/api/v1/tasks", "/dash-static/style.css"])
def test_once_there_is_a_token_nothing_is_shown_without_one(desk, tokens, path):
    assert desk.get(path).status_code == 200
    text = tokens.add("phone", "read")
    refused = desk.get(path)
    assert refused.status_code == 401 and refused.headers["www-authenticate"].endswith('realm="dashtools"')
    assert desk.get(path, headers=bearer("dash_wrong")).status_code == 401
    assert desk.get(path, headers=bearer(text)).status_code == 200
    tokens.revoke("phone")
    assert desk.get(path).status_code == 200


def test_a_browser_gives_the_token_as_its_password(desk, tokens):
    text = tokens.add("phone", "read")
    given = base64.b64encode(f"me:{text}".encode()).decode()
    assert desk.get("/", headers={"authorization": f"Basic {given}"}).status_code == 200
    assert desk.get("/", headers={"authorization": "Basic !!!"}).status_code == 401
    assert desk.get("/").headers["www-authenticate"].startswith("Basic")


def test_a_token_in_the_url_is_no_token(desk, tokens):
    text = tokens.add("phone", "read")
    for name in ("token", "access_token", "_token"):
        assert desk.get(f"/api/v1/tasks?{name}={text}").status_code == 401


@pytest.mark.parametrize(("scope", "statuses"), [("read", (200, 403, 403)), ("work", (200, 201, 403))])
def test_a_scope_allows_its_own_and_no_more(desk, tokens, scope, statuses):
    headers = bearer(tokens.add("a", scope))
    asked = [
        ("/api/v1/tasks", "GET", None),
        ("/api/v1/tasks", "POST", TASK),
        ("/api/v1/config", "PUT", {"devices": {}}),
    ]
    found = [desk.get(path, method, json=body, headers=headers).status_code for path, method, body in asked]
    assert tuple(found) == statuses


def test_every_changing_route_needs_more_than_reading(desk, tokens):
    from dashtools.web.api_routes import ROUTES

    headers = bearer(tokens.add("a", "read"))
    for route in ROUTES:
        if route.method != "GET":
            path = route.path.replace("{id}", "a").replace("{name}", "x").replace("{device}", "a")
            assert desk.get(f"/api/v1{path}", route.method, json={}, headers=headers).status_code == 403


def test_health_tells_that_it_lives_without_a_token(desk, tokens):
    tokens.add("a", "read")
    assert desk.get("/api/v1/health").status_code == 200


def test_a_damaged_file_of_tokens_lets_nobody_in(desk, tokens):
    text = tokens.add("a", "read")
    tokens.path.write_text('{"tokens": 3}')
    assert desk.get("/", headers=bearer(text)).status_code == 503
    assert desk.get("/api/v1/tasks").status_code == 503


def test_on_another_address_nothing_is_open_even_when_the_last_token_went(desk, tokens):
    desk.options["host"] = "0.0.0.0"
    assert desk.get("/", headers={"host": "nas.example"}).status_code == 401


FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://localhost:8080"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_foreign_page_can_neither_read_nor_change(desk, headers):
    assert desk.get("/api/v1/tasks", headers=headers).status_code == 403
    assert desk.get("/api/v1/tasks", "POST", json=TASK, headers=headers).status_code == 403
    assert not list(desk.library.spool.pending())


def test_our_own_pages_and_links_from_elsewhere_are_no_foreigners(desk):
    own = {"origin": "http://localhost", "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}
    assert desk.get("/api/v1/tasks", "POST", json=TASK, headers=own).status_code == 201
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert desk.get("/", headers=link).status_code == 200
    assert desk.get("/api/v1/tasks", "POST", json=TASK, headers=link).status_code == 403


def test_the_api_gives_no_other_origin_leave(desk):
    answer = desk.get("/api/v1/tasks", "OPTIONS")
    assert answer.status_code == 405 and "access-control-allow-origin" not in answer.headers
