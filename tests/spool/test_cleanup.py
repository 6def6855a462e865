"""A full disk asks for room once for each storage and day."""

from datetime import datetime, timedelta

import pytest

from dashtools.spool.cleanup import ask_for_room
from dashtools.spool.queue import Spool
from dashtools.times import UTC


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
