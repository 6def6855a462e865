"""Stages' rows on their way into the tables."""

from __future__ import annotations

import pytest

from dashtools.index import store
from dashtools.index.records import Final
from dashtools.index.rows import Loader, parse

READ = {"table": "reads", "track_id": "t", "sighting_id": "s", "frame_index": 1, "pts_ms": 40}


@pytest.fixture
def connection(tmp_path):
    made = store.create(tmp_path / "x.db")
    yield made
    made.close()


def loaded(connection, *rows):
    """What the table of reads holds once these rows went in."""
    loader = Loader(connection)
    loader.add_content(Final(7, "task", "video", (), ()), [dict(row) for row in rows])
    loader.flush()
    return [tuple(row) for row in connection.execute("SELECT track_id, pts_ms, text, record FROM reads ORDER BY rowid")]


def test_rows_with_fewer_more_or_other_columns_each_fill_what_they_have(connection):
    fewer = {"table": "reads", "track_id": "u"}
    more = {**READ, "text": "AB", "a_column_of_the_future": 1}
    others = {"table": "reads", "text": "X", "pts_ms": 2, "frame_index": 3, "score": 0.5}
    found = loaded(connection, READ, fewer, more, others, READ)
    assert sorted(found, key=str) == sorted(
        [("t", 40, None, 7), ("u", None, None, 7), ("t", 40, "AB", 7), (None, 2, "X", 7), ("t", 40, None, 7)], key=str
    )


def test_a_record_column_of_the_stage_does_not_count(connection):
    assert loaded(connection, {**READ, "record": 99}) == [("t", 40, None, 7)]


@pytest.mark.parametrize("table", ["table_of_the_future", None, 5, ["reads"], {"a": 1}, "sqlite_master"])
def test_rows_for_no_table_of_ours_are_passed_over(connection, table):
    assert loaded(connection, {**READ, "table": table}, READ) == [("t", 40, None, 7)]


@pytest.mark.parametrize(
    ("odd", "kept"),
    [({"b": 1, "a": [2]}, '{"a":[2],"b":1}'), ([1, "x"], '[1,"x"]'), (2**63, "9.2233720368547"), (True, "1")],
)
def test_values_that_no_cell_can_hold_are_kept_as_text_and_no_row_is_lost_or_doubled(connection, odd, kept):
    rows = [READ, {**READ, "text": odd}, READ, {**READ, "text": odd}]
    texts = [row[2] for row in loaded(connection, *rows) if row[2] is not None]
    assert len(texts) == 2 and all(text.startswith(kept) for text in texts)
    assert connection.execute("SELECT count(*) FROM reads").fetchone()[0] == 4


def test_lines_that_are_no_objects_are_passed_over():
    assert parse(b'{"a":1}\n\n7\n[{"b":2}]\n{"c":\n{"d":4}\n') == [{"a": 1}, {"d": 4}]
