"""The password is kept as a scrypt hash that only its owner reads."""

from __future__ import annotations

import stat

import pytest

from dashtools.errors import BadConfig, BadInput
from dashtools.web.passwords import Password

WORDS = "correct horse battery"


@pytest.fixture
def password(tmp_path, monkeypatch):
    monkeypatch.setattr("dashtools.web.passwords.COST", {"n": 16, "r": 8, "p": 1})
    return Password(tmp_path / "state" / "password.json")


def test_only_the_password_itself_is_right(password):
    assert not password.is_set() and password.check(WORDS) is None
    password.set(WORDS, "read")
    assert password.check(WORDS) == "read"
    for wrong in ("", WORDS + " ", WORDS.upper(), "x" * 5000, "\0"):
        assert password.check(wrong) is None


def test_the_file_is_private_and_the_same_password_never_looks_the_same(password):
    password.set(WORDS)
    first = password.path.read_text()
    password.set(WORDS)
    assert first != password.path.read_text() and "horse" not in first
    assert stat.S_IMODE(password.path.stat().st_mode) == 0o600


def test_a_short_password_and_an_unknown_scope_are_refused(password):
    for text, scope in (("123456789", "admin"), (WORDS, "root"), ("x" * 2000, "read")):
        with pytest.raises(BadInput):
            password.set(text, scope)
    assert not password.is_set()


@pytest.mark.parametrize("content", ["{", "[]", '{"scheme": "plain", "hash": "x"}'])
def test_a_damaged_file_is_an_error_and_not_an_open_door(password, content):
    password.set(WORDS)
    password.path.write_text(content)
    with pytest.raises(BadConfig):
        password.is_set()


def test_a_password_taken_away_is_none(password):
    password.set(WORDS)
    assert password.remove() and not password.remove()
    assert password.check(WORDS) is None


def test_the_cost_is_what_is_advised():
    from dashtools.web.passwords import COST

    assert (COST["n"], COST["r"], COST["p"]) == (32768, 8, 3)
