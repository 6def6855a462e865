"""dc-retain: a report first, the same removed with --apply, tasks of full disks where that is allowed."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from dashtools.commands._run import status_of
from dashtools.commands.retain import command
from dashtools.config_store import ConfigManager
from dashtools.spool import notes
from dashtools.spool.cleanup import ask_for_room
from dashtools.times import utc_now

sys.path.insert(0, str(Path(__file__).parent.parent / "devices"))
from retention_library import RetentionLibrary


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "kept"))
    found = RetentionLibrary(tmp_path)
    found.add("fresh", 0)
    return found


@pytest.fixture
def retain(library, capsys):
    def run(*words):
        shared = ["--spool", str(library.spool.root), "--config", str(library.host_file), "--json"]
        status = status_of(command, "dc-retain", [*words, *shared])
        done = capsys.readouterr()
        return status, [json.loads(line) for line in done.out.splitlines()], done.err

    return run


def test_without_apply_nothing_is_removed_and_apply_removes_what_was_reported(library, retain):
    library.add("old", 900)
    library.add("half", 900, steps=2)
    before = library.files()
    status, reported, _ = retain()
    assert status == 0 and library.files() == before
    assert {line["type"] for line in reported} == {"would_remove"} and all(line["reason"] for line in reported)
    status, removed, _ = retain("--apply")
    assert status == 0
    assert [line["path"] for line in removed] == [line["path"] for line in reported]
    assert retain()[1] == []


def test_kept_says_why_each_file_stays(library, retain):
    video_id = library.add("old", 900)
    retain("--pin", video_id)
    kept = [line for line in retain("--kept")[1] if line["video_id"] == video_id]
    assert {line["type"] for line in kept} == {"kept"} and {line["reason"] for line in kept} == {"pinned"}
    assert retain("--unpin", video_id)[1][0]["type"] == "unpinned"
    assert len(retain()[1]) == 3


def test_a_refusal_at_the_moment_of_removal_is_told_and_gives_70(library, retain):
    library.add("old", 900)
    path = library.roots["indoor_nas"] / "raw/old.mp4"
    path.write_bytes(path.read_bytes()[::-1])
    status, lines, err = retain("--apply")
    assert status == 70 and lines[-1]["type"] == "refused" and path.exists()
    assert "other bytes" in err


def test_an_unmounted_share_gives_75(library, retain):
    library.add("old", 900)
    (library.roots["shed_nas"] / "STORAGE").unlink()
    assert retain()[0] == 75


@pytest.mark.parametrize(("text", "status"), [("50G", 0), ("2 potatoes", 64)])
def test_a_size_is_read_or_refused(retain, text, status):
    assert retain("--min-free", text)[0] == status


def test_auto_does_nothing_unless_the_configuration_allows_it(library, retain):
    library.add("old", 900)
    ask_for_room(library.spool, "indoor_nas", utc_now())
    before = library.files()
    status, lines, err = retain("--auto")
    assert (status, lines) == (0, []) and "retention_auto_apply" in err
    assert library.files() == before and len(list(library.spool.pending("CLEANUP_STORAGE"))) == 1


def test_auto_takes_the_task_of_a_full_disk_and_stays_within_the_policies(library, retain):
    ConfigManager(library.spool.root).update_config({"global": {"retention_auto_apply": True}})
    library.add("old", 900)
    library.add("crash", 900, is_event=True)
    ask_for_room(library.spool, "indoor_nas", utc_now())
    status, lines, _ = retain("--auto")
    assert status == 0
    assert [line["type"] for line in lines] == ["removed"] * 3 + ["task"]
    record = json.loads(Path(lines[-1]["path"]).read_text())
    assert record["state"] == "complete" and record["metadata"]["removed"] == 3
    assert not list(library.spool.pending("CLEANUP_STORAGE"))
    assert any("raw/crash" in name for name in library.files())
    assert library.spool.files.names("workers") == []


def test_a_task_of_a_storage_that_this_host_lacks_is_given_back(library, retain):
    ConfigManager(library.spool.root).update_config({"global": {"retention_auto_apply": True}})
    ask_for_room(library.spool, "far_nas", utc_now())
    assert retain("--auto")[1] == []
    assert [entry.state for entry in library.spool.pending("CLEANUP_STORAGE")] == ["delayed"]


def test_a_trip_is_reported_pinned_and_unpinned_as_a_whole(library, retain):
    facts = {"camera": "cam", "duration_ms": 60_000, "clip": "x", "storage": "indoor_nas", "path": "raw/x.mp4"}
    for name, at in (("one", "10:00:00"), ("two", "10:01:00"), ("else", "18:00:00")):
        library.add(name, 900, recorded_at=f"2024-01-15T{at}Z", **facts)
    trip = "20240115T100000Z-" + hashlib.blake2b(b"cam", digest_size=4).hexdigest()
    names = {line["video_id"].partition("-")[0] for line in retain("--trip", trip)[1]}
    assert names == {"one", "two"}
    assert len(retain("--pin-trip", trip)[1]) == 2
    assert {line["video_id"].partition("-")[0] for line in retain()[1]} == {"else"}
    assert len(retain("--unpin-trip", trip)[1]) == 2
    assert retain("--trip", "no such trip")[0] == 65


def test_a_clip_with_a_plate_of_the_watch_list_is_not_reported(library, retain):
    library.add("seen", 900, plates=["AB12CDE"])
    assert len(retain()[1]) == 3
    notes.say(library.spool, "list", "plate:AB12CDE", "watch", by="test")
    assert retain()[1] == []
    assert {line["reason"] for line in retain("--kept")[1] if "seen" in line["video_id"]} == {
        "a watched plate is in it"
    }
