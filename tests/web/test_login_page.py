"""Signing in with the password, and out again."""

from __future__ import annotations

import re

import pytest

from dashtools.web.passwords import Password
from dashtools.web.sessions import COOKIE, Sessions
from dashtools.web.tokens import Tokens

WORDS = "correct horse battery"
HTML = {"accept": "text/html"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
OURS = {"origin": "http://localhost"}


@pytest.fixture
def locked(desk, monkeypatch):
    """A desk with a password for scope admin."""
    monkeypatch.setattr("dashtools.web.passwords.COST", {"n": 16, "r": 8, "p": 1})
    password = desk.options["password"] = Password(desk.folder / "local" / "password.json")
    desk.options["sessions"] = Sessions(desk.folder / "local" / "sessions.json")
    desk.options["tokens"] = Tokens(desk.folder / "local" / "tokens.json")
    password.set(WORDS)
    return desk


def form_of(site, path="/login", cookies=()):
    """The CSRF token of the form on a page, and the Cookie header to send it with."""
    page = site.get(path, headers={"cookie": "; ".join(cookies), **HTML} if cookies else HTML)
    token = re.search(r'name="csrftoken" value="([^"]+)"', page.text)[1]
    set_cookie = page.headers.get("set-cookie", "").partition(";")[0]
    return token, "; ".join([*cookies, *([set_cookie] if set_cookie else [])])


def sign_in(site, password=WORDS, target="/", cookies=(), **headers):
    token, cookie = form_of(site, cookies=cookies)
    content = f"csrftoken={token}&password={password.replace(' ', '+')}&next={target}"
    return site.get("/login", "POST", content=content, headers={**FORM, **OURS, "cookie": cookie, **headers})


def session_of(answer):
    return re.search(rf"{COOKIE}=[^;]*", answer.headers["set-cookie"])[0]


def test_a_browser_without_a_session_is_led_to_the_form_and_back(locked):
    away = locked.get("/plate/AB12CDE?x=1", headers=HTML)
    assert (away.status_code, away.headers["location"]) == (303, "/login?next=/plate/AB12CDE%3Fx%3D1")
    form = locked.get(away.headers["location"], headers=HTML)
    assert form.status_code == 200 and 'value="/plate/AB12CDE?x=1"' in form.text
    done = sign_in(locked, target="/plate/AB12CDE?x=1")
    assert (done.status_code, done.headers["location"]) == (303, "/plate/AB12CDE?x=1")
    page = locked.get("/plate/AB12CDE", headers={"cookie": session_of(done), **HTML})
    assert page.status_code == 200 and "Sign out" in page.text


@pytest.mark.parametrize(
    "path", ["/search?q=AB", "/dash/sightings.json", "/media/" + "0" * 24, "/dash.csv", "/-/versions"]
)
def test_without_a_session_nothing_else_is_shown(locked, path):
    assert locked.get(path).status_code == 401
    assert locked.get("/api/v1/tasks").status_code == 401


def test_a_wrong_password_gives_no_session_and_soon_makes_one_wait(locked):
    for _ in range(5):
        wrong = sign_in(locked, "not the password")
        assert wrong.status_code == 403 and COOKIE not in wrong.headers.get("set-cookie", "")
    late = sign_in(locked)  # even the right one
    assert late.status_code == 429 and int(late.headers["retry-after"]) > 0


def test_a_session_prepared_by_another_is_not_taken_up(locked):
    prepared = f"{COOKIE}=prepared.{'0' * 64}"
    done = sign_in(locked, cookies=(prepared,))
    assert done.status_code == 303 and session_of(done) != prepared
    assert locked.get("/search?q=A", headers={"cookie": prepared}).status_code == 401


def test_signing_in_makes_a_new_session_and_ends_the_one_before(locked):
    first = session_of(sign_in(locked))
    second = session_of(sign_in(locked, cookies=(first,)))
    assert first != second
    assert [locked.get("/search?q=A", headers={"cookie": c}).status_code for c in (first, second)] == [401, 200]


def test_signing_out_ends_the_session_in_the_server_too(locked):
    cookie = session_of(sign_in(locked))
    token, both = form_of(locked, "/", (cookie,))
    out = locked.get("/logout", "POST", content=f"csrftoken={token}", headers={**FORM, **OURS, "cookie": both})
    assert out.status_code == 303 and f"{COOKIE}=;" in out.headers["set-cookie"]
    assert locked.get("/search?q=A", headers={"cookie": cookie}).status_code == 401


def test_another_password_signs_everybody_out(locked):
    cookie = session_of(sign_in(locked))
    locked.options["password"].set("another few words")
    locked.options["sessions"].end_all()
    assert locked.get("/search?q=A", headers={"cookie": cookie}).status_code == 401


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_a_form_that_is_not_ours_is_refused(locked, path):
    content = f"password={WORDS}&csrftoken=x"
    assert locked.get(path, "POST", content=content, headers={**FORM, **OURS}).status_code in (401, 403)
    cookie = session_of(sign_in(locked))
    assert locked.get(path, "POST", content=content, headers={**FORM, **OURS, "cookie": cookie}).status_code == 403


def test_a_session_reads_and_changes_the_api_only_from_our_own_page(locked):
    cookie = {"cookie": session_of(sign_in(locked))}
    assert locked.get("/api/v1/tasks", headers=cookie).status_code == 200
    task = {"task_type": "CLEANUP_STORAGE", "video_id": "v"}
    assert locked.get("/api/v1/tasks", "POST", json=task, headers=cookie).status_code == 403
    assert locked.get("/api/v1/tasks", "POST", json=task, headers={**cookie, **OURS}).status_code == 201


def test_a_password_for_reading_changes_nothing(locked):
    locked.options["password"].set(WORDS, "read")
    cookie = {"cookie": session_of(sign_in(locked)), **OURS}
    task = {"task_type": "CLEANUP_STORAGE", "video_id": "v"}
    assert locked.get("/api/v1/tasks", "POST", json=task, headers=cookie).status_code == 403
    assert locked.get("/dash?sql=select+1", headers=cookie).status_code == 403


def test_a_token_is_enough_beside_a_password(locked):
    headers = {"authorization": f"Bearer {locked.options['tokens'].add('a', 'read')}"}
    assert locked.get("/search?q=A", headers=headers).status_code == 200


def test_without_a_password_there_is_no_form(desk):
    assert desk.get("/login").status_code == 404


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "/login?next=/x", ""])
def test_the_way_back_never_leads_elsewhere(locked, target):
    assert sign_in(locked, target=target).headers["location"] == "/"


def test_a_damaged_file_lets_nobody_in(locked):
    cookie = session_of(sign_in(locked))
    locked.options["password"].path.write_text("{")
    assert locked.get("/search?q=A", headers={"cookie": cookie}).status_code == 503
    assert locked.get("/login").status_code == 503
