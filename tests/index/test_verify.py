"""Verification sees what is wrong."""

from __future__ import annotations

import sqlite3

import pytest

from dashtools.errors import TaskSystemError
from dashtools.index.refresh import refresh
from dashtools.index.verify import verify


@pytest.fixture
def indexed(library):
    library.add("one.mp4", recorded_at="2024-01-15T14:25:00Z")
    library.work()
    refresh(library.root, library.db)
    return library


def test_a_good_index_has_no_differences(indexed):
    verdict = verify(indexed.root, indexed.db)
    assert verdict.is_same and verdict.records == 4 and verdict.rows > 10


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE sightings SET plate = 'WRONG'",
        "DELETE FROM reads WHERE frame_index = 90",
        "INSERT INTO reads SELECT * FROM reads LIMIT 1",
        "UPDATE trips SET clips = 7",
        "DELETE FROM plates",
        "UPDATE tasks SET is_shown = 0 WHERE task_type = 'ARCHIVE_VIDEO'",
    ],
)
def test_a_changed_row_is_a_difference(indexed, damage):
    connection = sqlite3.connect(indexed.db)
    with connection:
        connection.execute(damage)
    connection.close()
    assert not verify(indexed.root, indexed.db).is_same


def test_a_missing_index_cannot_be_verified(library):
    with pytest.raises(TaskSystemError, match="dc-index rebuild"):
        verify(library.root, library.db)


def test_verification_leaves_no_file_behind(indexed):
    before = sorted(p.name for p in indexed.db.parent.iterdir())
    verify(indexed.root, indexed.db)
    after = sorted(p.name for p in indexed.db.parent.iterdir())
    assert [n for n in after if not n.endswith(("-wal", "-shm"))] == [
        n for n in before if not n.endswith(("-wal", "-shm"))
    ]
