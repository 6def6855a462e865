"""dc-index on a spool without work."""

from __future__ import annotations

import json

import pytest

from dashtools.commands._run import status_of
from dashtools.commands.index import command
from dashtools.spool.queue import Spool


@pytest.fixture
def spool(tmp_path, monkeypatch):
    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "data"))
    Spool.create(tmp_path / "spool")
    return str(tmp_path / "spool")


def run(*words: str) -> int:
    return status_of(command, "dc-index", list(words))


def test_path_is_where_refresh_puts_the_index(spool, capsys, tmp_path):
    assert run("path", "--spool", spool) == 0
    where = capsys.readouterr().out.strip()
    assert run("refresh", "--spool", spool) == 0
    assert where.startswith(str(tmp_path / "data"))
    with open(where, "rb") as stream:
        assert stream.read(15) == b"SQLite format 3"


def test_verify_says_how_much_was_compared(spool, capsys):
    run("rebuild", "--spool", spool)
    capsys.readouterr()
    assert run("verify", "--spool", spool, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"type": "verify", "records": 0, "rows": 0}


def test_a_spool_that_is_away_is_tried_later(tmp_path, capsys):
    assert run("refresh", "--spool", str(tmp_path / "away")) == 75
    assert "mounted" in capsys.readouterr().err


def test_a_missing_index_is_not_verified(spool):
    assert run("verify", "--spool", spool) == 70
