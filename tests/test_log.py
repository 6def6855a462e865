"""Events on stderr: for people, for journald, for machines."""

import json
import logging

import pytest

from dashtools import log


@pytest.fixture(autouse=True)
def restored():
    handlers, level, spreads = log.LOGGER.handlers[:], log.LOGGER.level, log.LOGGER.propagate
    yield
    log.LOGGER.handlers[:] = handlers
    log.LOGGER.setLevel(level)
    log.LOGGER.propagate = spreads


def told(capsys, monkeypatch, **environ):
    for name in ("JOURNAL_STREAM", "DASHTOOLS_LOG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    log.configure()
    log.LOGGER.warning("storage %s\nis full", "nas")
    log.LOGGER.info("not told without -v")
    return capsys.readouterr().err


def test_journald_gets_a_level_and_no_time(capsys, monkeypatch):
    assert told(capsys, monkeypatch, JOURNAL_STREAM="8:1").startswith("<4>storage nas")


def test_json_is_one_line_an_event(capsys, monkeypatch):
    (line,) = told(capsys, monkeypatch, DASHTOOLS_LOG="json").splitlines()
    event = json.loads(line)
    assert (event["level"], event["event"]) == ("warning", "storage nas\nis full") and event["at"].endswith("+00:00")
    assert logging.getLogger("dashtools") is log.LOGGER
