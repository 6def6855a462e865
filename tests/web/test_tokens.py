"""Tokens are shown once, kept as digests, and can be taken back."""

from __future__ import annotations

import hashlib
import stat

import pytest

from dashtools.errors import BadConfig, BadInput
from dashtools.web.tokens import Tokens


@pytest.fixture
def tokens(tmp_path):
    return Tokens(tmp_path / "state" / "tokens.json")


def test_the_file_holds_a_digest_and_only_its_owner_reads_it(tokens):
    text = tokens.add("phone", "read")
    content = tokens.path.read_text()
    assert text not in content and hashlib.sha256(text.encode()).hexdigest() in content
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    assert len(text) >= 43  # 256 bits


def test_a_token_is_known_until_it_is_revoked_also_in_another_process(tokens):
    text, other = tokens.add("phone", "work"), Tokens(tokens.path)
    assert other.match(text).name == "phone" and other.match(text).scope == "work"
    assert other.match(text + "x") is None and other.match("") is None
    tokens.revoke("phone")
    assert other.match(text) is None and other.all() == []


def test_a_name_is_given_once(tokens):
    tokens.add("phone", "read")
    for name, scope in (("phone", "read"), ("a b", "read"), ("x", "root")):
        with pytest.raises(BadInput):
            tokens.add(name, scope)
    with pytest.raises(BadInput):
        tokens.revoke("tablet")


def test_a_damaged_file_is_an_error_and_not_an_open_door(tokens):
    tokens.add("phone", "read")
    tokens.path.write_text("{")
    with pytest.raises(BadConfig):
        tokens.all()
