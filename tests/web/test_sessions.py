"""A session is made by signing in and by nothing else, and it ends."""

from __future__ import annotations

import stat

import pytest

from dashtools.errors import BadConfig
from dashtools.web import sessions
from dashtools.web.sessions import Sessions


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def known(tmp_path, now):
    return Sessions(tmp_path / "state" / "sessions.json", lambda: now[0])


def test_a_session_is_known_in_another_process_until_it_ends(known, now):
    cookie = known.begin("read")
    other = Sessions(known.path, lambda: now[0])
    assert other.match(cookie).scope == "read"
    known.end(cookie)
    assert other.match(cookie) is None


def test_a_session_does_not_live_for_ever_and_is_swept(known, now):
    cookie = known.begin("read")
    now[0] += sessions.LIFE_S + 1
    assert known.match(cookie) is None
    known.begin("read")
    assert known.path.read_text().count('"scope"') == 1


def test_the_file_holds_no_session_that_could_be_used(known):
    cookie = known.begin("admin")
    content = known.path.read_text()
    assert cookie.split(".")[0] not in content and stat.S_IMODE(known.path.stat().st_mode) == 0o600


def test_an_id_that_we_did_not_make_is_nothing(known):
    good = known.begin("admin")
    session_id, _, signature = good.partition(".")
    for cookie in ("", "x", "x.y", session_id, f"{session_id}.", f"{session_id}x.{signature}", f".{signature}", "é.é"):
        assert known.match(cookie) is None


def test_signing_in_again_ends_the_session_before(known):
    first = known.begin("read")
    second = known.begin("admin", first)
    assert first != second and known.match(first) is None and known.match(second).scope == "admin"


def test_ending_all_ends_all(known):
    cookies = [known.begin("read") for _ in range(3)]
    known.end_all()
    assert [known.match(cookie) for cookie in cookies] == [None] * 3


def test_the_number_of_sessions_is_bounded(known, monkeypatch, now):
    monkeypatch.setattr(sessions, "MOST", 3)
    cookies = []
    for _ in range(5):
        now[0] += 1
        cookies.append(known.begin("read"))
    assert [known.match(cookie) is not None for cookie in cookies] == [False, False, True, True, True]


def test_a_damaged_file_is_an_error_and_not_an_open_door(known):
    cookie = known.begin("read")
    known.path.write_text('{"key": 1}')
    with pytest.raises(BadConfig):
        known.match(cookie)


def test_the_cookie_is_out_of_reach_of_scripts_and_foreign_forms():
    header = sessions.cookie_header("x", is_https=True)
    assert all(word in header for word in ("HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=1209600"))
    assert "Secure" not in sessions.cookie_header("x", is_https=False)
    assert "Max-Age=0" in sessions.cookie_header("", is_https=False)
