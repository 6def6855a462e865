"""Refreshing: what is new appears, what went away or was superseded vanishes."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from dashtools.errors import BadConfig, TryLater
from dashtools.index import leaves
from dashtools.index.refresh import rebuild, refresh
from dashtools.index.verify import verify


def rows_of(db: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_a_finished_clip_has_its_sighting_with_crop_and_reads(library):
    video_id = library.add("one.mp4", recorded_at="2024-01-15T14:25:00Z")
    assert library.work() == 4
    refresh(library.root, library.db)
    (row,) = rows_of(library.db, "SELECT sighting_id, clip, plate, seen_at, latitude, crop_path FROM sightings")
    assert row[:5] == (f"{video_id}.t000", "one.mp4", "AB12CDE", "2024-01-15T14:25:03.000Z", 52.0002)
    assert row[5].startswith(f"archive/{video_id}/") and row[5].endswith("_best_crop.jpg")
    assert rows_of(library.db, "SELECT count(*), min(pts_ms) FROM reads") == [(2, 2000)]
    assert rows_of(library.db, "SELECT plate, sightings, videos FROM plates") == [("AB12CDE", 1, 1)]


def test_a_second_refresh_of_an_unchanged_spool_reads_no_leaf(library, monkeypatch):
    library.add("one.mp4")
    library.work()
    monkeypatch.setattr(leaves, "RACY_NS", 0)
    refresh(library.root, library.db)
    assert refresh(library.root, library.db).leaves_read == 0


def test_a_leaf_that_changed_just_now_is_read_again(library):
    library.add("one.mp4")
    library.work()
    refresh(library.root, library.db)
    assert refresh(library.root, library.db).leaves_read > 0


def test_a_requeued_task_takes_its_rows_along(library):
    video_id = library.add("one.mp4")
    library.work()
    refresh(library.root, library.db)
    library.requeue("HEAVY_PROCESS_VIDEO", video_id)
    refresh(library.root, library.db)
    assert rows_of(library.db, "SELECT count(*) FROM sightings") == [(0,)]
    assert rows_of(library.db, "SELECT count(*) FROM plates") == [(0,)]
    assert rows_of(library.db, "SELECT condition FROM tasks WHERE task_type = 'HEAVY_PROCESS_VIDEO'") == [("ready",)]


def test_children_of_a_former_completion_vanish(library):
    video_id = library.add("one.mp4")
    library.work()
    refresh(library.root, library.db)
    library.clips[video_id]["plates"] = ["XY99ZZZ", "KK11KKK"]
    library.requeue("PREPROCESS_VIDEO", video_id)
    library.work(1, ("PREPROCESS_VIDEO",))
    refresh(library.root, library.db)
    assert rows_of(library.db, "SELECT count(*) FROM sightings") == [(0,)], "the old heavy result is superseded"
    library.work()
    refresh(library.root, library.db)
    assert rows_of(library.db, "SELECT plate FROM plates ORDER BY 1") == [("KK11KKK",), ("XY99ZZZ",)]
    assert rows_of(library.db, "SELECT count(*) FROM sightings WHERE crop_path IS NULL") == [(0,)]
    assert verify(library.root, library.db).differences == ()


def test_a_record_in_the_middle_of_its_activation_waits(library):
    library.add("one.mp4")
    claim = library.claim()
    target = library.root / "complete/INGEST_VIDEO" / claim.path.rpartition("/")[2]
    folder = f"complete/INGEST_VIDEO/{claim.entry.key[0:4]}/01/01/00"
    library.spool.files.rename(claim.path, f"{folder}/{claim.entry.key}.a01.json")
    refresh(library.root, library.db)
    assert rows_of(library.db, "SELECT count(*) FROM tasks WHERE state = 'complete'") == [(0,)]
    assert not target.exists()


def test_a_requeued_task_in_activation_does_not_show_its_former_completion(library):
    video_id = library.add("one.mp4")
    library.work()
    library.requeue("ARCHIVE_VIDEO", video_id)
    (entry,) = [e for e in library.spool.pending() if e.task_type == "ARCHIVE_VIDEO"]
    done = library.spool.load(entry)
    claim = library.claim()
    leaf = f"complete/ARCHIVE_VIDEO/{entry.key[0:4]}/{entry.key[4:6]}/{entry.key[6:8]}/{entry.key[9:11]}"
    former = library.root / claim.path
    former.write_bytes(former.read_bytes().replace(b'"state": "pending"', b'"state": "complete"'))
    library.spool.files.rename(claim.path, f"{leaf}/{entry.key}.a02.json")
    refresh(library.root, library.db)
    assert done.generation == 1
    assert rows_of(library.db, "SELECT path FROM tasks WHERE task_type = 'ARCHIVE_VIDEO'") == []


def test_a_failed_clip_is_listed_with_its_reason(library):
    library.add("broken.mp4")
    library.finish(library.claim(), fails="no moov box")
    refresh(library.root, library.db)
    sql = "SELECT clip, condition, error_message FROM tasks"
    assert rows_of(library.db, sql) == [("broken.mp4", "failed", "no moov box")]


def test_waiting_claimed_and_delayed_tasks_are_listed_from_their_names(library):
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        library.add(name)
    library.spool.release(library.claim(), reason={"class": "X"}, failures=1, delay_s=3600)
    library.claim()
    refresh(library.root, library.db)
    found = rows_of(library.db, "SELECT condition, clip, failures, worker IS NOT NULL FROM tasks ORDER BY 1")
    assert found == [("claimed", "b.mp4", 0, 1), ("delayed", None, 1, 0), ("ready", None, 0, 0)]


def test_a_leaf_that_is_removed_takes_its_records_along(library):
    library.add("one.mp4")
    library.work()
    refresh(library.root, library.db)
    for path in sorted((library.root / "complete/ARCHIVE_VIDEO").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    refresh(library.root, library.db)
    assert rows_of(library.db, "SELECT count(*) FROM crops") == [(0,)]
    assert rows_of(library.db, "SELECT crop_path FROM sightings") == [(None,)]


def test_rows_that_are_no_json_are_passed_over(library):
    library.add("one.mp4")
    library.work()
    for path in (library.root / "complete/HEAVY_PROCESS_VIDEO").rglob("*.rows.jsonl"):
        path.write_bytes(b"{torn\n[1]\n" + path.read_bytes())
    refresh(library.root, library.db)
    assert rows_of(library.db, "SELECT count(*) FROM sightings") == [(1,)]


def test_without_a_spool_it_asks_to_try_later(tmp_path):
    with pytest.raises(TryLater):
        refresh(tmp_path / "away", tmp_path / "index.db")


def test_the_index_of_another_spool_is_refused(library, tmp_path):
    refresh(library.root, library.db)
    other = type(library)(tmp_path / "other", library.db)
    with pytest.raises(BadConfig, match="another spool"):
        refresh(other.root, library.db)


def test_an_index_of_another_version_is_made_anew(library):
    library.add("one.mp4")
    library.work()
    refresh(library.root, library.db)
    connection = sqlite3.connect(library.db)
    with connection:
        connection.execute("UPDATE meta SET value = 'older' WHERE key = 'schema'")
        connection.execute("DROP TABLE sightings")
    connection.close()
    refresh(library.root, library.db)
    assert rows_of(library.db, "SELECT count(*) FROM sightings") == [(1,)]


def test_a_damaged_index_is_made_anew(library):
    library.add("one.mp4")
    library.work()
    library.db.parent.mkdir(parents=True)
    library.db.write_bytes(b"this is no database" * 1000)
    refresh(library.root, library.db)
    assert rows_of(library.db, "SELECT count(*) FROM sightings") == [(1,)]


def test_readers_of_the_old_index_see_it_whole_during_and_after_a_rebuild(library):
    library.add("one.mp4")
    library.work()
    refresh(library.root, library.db)
    reader = sqlite3.connect(f"file:{library.db}?mode=ro", uri=True)
    assert reader.execute("SELECT count(*) FROM sightings").fetchone() == (1,)
    library.add("two.mp4")
    library.work()
    rebuild(library.root, library.db)
    assert reader.execute("SELECT count(*) FROM sightings").fetchone() == (1,)
    assert rows_of(library.db, "SELECT count(*) FROM sightings") == [(2,)]
    reader.close()


def test_a_rebuild_that_fails_leaves_the_old_index(library, monkeypatch):
    library.add("one.mp4")
    library.work()
    refresh(library.root, library.db)
    monkeypatch.setattr("dashtools.index.derive_all.PLATES_SQL", "this is no SQL")
    with pytest.raises(sqlite3.OperationalError):
        rebuild(library.root, library.db)
    assert rows_of(library.db, "SELECT count(*) FROM sightings") == [(1,)]
    assert len(list(library.db.parent.glob("index.*.db"))) == 1


def test_trigram_and_word_search_find_a_plate_and_forget_it_when_it_goes(library):
    video_id = library.add("one.mp4")
    library.work()
    refresh(library.root, library.db)
    word = "SELECT plate FROM plates_fts WHERE plates_fts MATCH 'ab12cde'"
    part = "SELECT plate FROM plates_trigram WHERE plates_trigram MATCH '12CD'"
    assert rows_of(library.db, word) == rows_of(library.db, part) == [("AB12CDE",)]
    library.requeue("HEAVY_PROCESS_VIDEO", video_id)
    refresh(library.root, library.db)
    assert rows_of(library.db, word) == rows_of(library.db, part) == []
