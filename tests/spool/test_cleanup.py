"""A full disk asks for room once for each storage and day."""

from datetime import datetime, timedelta

import pytest

from dashtools.errors import OutputRefused
from dashtools.spool.atomic import Files
from dashtools.spool.cleanup import ask_for_room, room_was_refused
from dashtools.spool.queue import Spool
from dashtools.times import UTC

FULL = OutputRefused("cannot write x: No space left on device; make room")


@pytest.fixture
def spool(tmp_path):
    Spool.create(tmp_path / "spool")
    return Spool.open(tmp_path / "spool")


def test_it_asks_once_for_each_storage_and_day(spool):
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    asked = [
        ask_for_room(spool, storage, when) is not None
        for storage in ("indoor_nas", "shed_nas")
        for when in (noon, noon + timedelta(hours=3), noon + timedelta(days=1))
    ]
    assert asked == [True, False, True] * 2
    found = [spool.load(entry) for entry in spool.pending("CLEANUP_STORAGE")]
    assert sorted((t.metadata["storage"], t.metadata["day"]) for t in found) == [
        ("indoor_nas", "2026-11-24"),
        ("indoor_nas", "2026-11-25"),
        ("shed_nas", "2026-11-24"),
        ("shed_nas", "2026-11-25"),
    ]


def test_the_operator_is_told_once(spool, caplog):
    for _ in range(2):
        room_was_refused(spool, "indoor_nas", spool.root, FULL)
    assert len(caplog.records) == 1 and "room was asked for" in caplog.text


def test_a_full_spool_raises_nothing_where_room_is_asked_for(spool, caplog, monkeypatch):
    def full(self, path, content):
        raise OutputRefused("no space left on device")

    monkeypatch.setattr(Files, "write", full)
    room_was_refused(spool, "indoor_nas", spool.root, FULL)
    assert "cannot be asked for" in caplog.text and not list(spool.pending())


@pytest.mark.parametrize(
    "error", [None, OutputRefused("cannot write x: Read-only file system"), OSError(28, "No space")]
)
def test_nobody_is_asked_for_room_when_no_disk_is_full(spool, error):
    room_was_refused(spool, "indoor_nas", spool.root, error)
    assert not list(spool.pending())
