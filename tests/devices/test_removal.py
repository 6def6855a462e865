"""Removing asks every guard again at that moment; what changed since the report wins."""

import errno
import os
import shutil
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from retention_library import RetentionLibrary

from dashtools.devices import removal
from dashtools.devices.pins import pin, tombstones
from dashtools.devices.recorded import Needed
from dashtools.devices.removal import remove
from dashtools.errors import OutputRefused, TryLater
from dashtools.spool.atomic import Files


@pytest.fixture
def library(tmp_path):
    found = RetentionLibrary(tmp_path)
    found.add("fresh", 0)
    found.video_id = found.add("old", 900)
    return found


def original(judge):
    return next(v for v in judge.verdicts() if v.may_go and v.unit.policy == "raw_videos")


def test_exactly_what_was_reported_goes_and_each_leaves_a_stone(library):
    before = library.files()
    judge = library.judge()
    going = [v for v in judge.verdicts() if v.may_go]
    expected = {f"{ref.device}/{ref.path}" for v in going for ref in v.unit.files}
    assert all(remove(judge, verdict).is_removed for verdict in going)
    assert before - library.files() == expected and len(expected) == 4
    assert not list(library.roots["indoor_nas"].glob(f"preproc/{library.video_id}"))
    stones = list(tombstones(library.spool))
    assert {stone["path"] for stone in stones} == {v.unit.path for v in going}
    assert all(stone["removed_at"] and stone["reason"] for stone in stones)
    assert library.going() == []


def requeued(library):
    entry = next(
        e for e in library.spool.completed("ARCHIVE_VIDEO") if library.spool.load(e).video_id == library.video_id
    )
    library.spool.requeue(entry)


def copy_changed(library):
    path = next(library.roots["shed_nas"].glob(f"archive/{library.video_id}/*/video_lowres.mp4"))
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)


def replaced(library):
    path = library.roots["indoor_nas"] / "raw/old.mp4"
    path.write_bytes(path.read_bytes()[::-1])


def linked(library):
    raw = library.roots["indoor_nas"] / "raw"
    shutil.move(raw, library.root / "elsewhere")
    raw.symlink_to(library.root / "elsewhere")


def linked_within(library):
    raw = library.roots["indoor_nas"] / "raw"
    raw.rename(raw.with_name("other"))
    raw.symlink_to("other")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda library: pin(library.spool, library.video_id), "pinned"),
        (requeued, "pending task"),
        (copy_changed, "not what was archived"),
        (replaced, "other bytes"),
        (linked, "symbolic link"),
        (linked_within, "symbolic link"),
    ],
    ids=["pinned", "requeued", "copy changed", "original replaced", "link out", "link within"],
)
def test_what_changed_since_the_report_saves_the_original(library, change, words):
    judge = library.judge()
    verdict = original(judge)
    change(library)
    told = remove(judge, verdict)
    assert not told.is_removed and words in told.reason
    assert list(library.root.rglob("old.mp4")) and not list(tombstones(library.spool))


def test_a_share_that_went_away_since_the_report_stops_the_run(library):
    judge = library.judge()
    verdict = original(judge)
    (library.roots["indoor_nas"] / "STORAGE").unlink()
    with pytest.raises(TryLater, match="mounted"):
        remove(judge, verdict)


def test_a_clock_that_was_set_since_the_report_stops_the_run(library, monkeypatch):
    judge = library.judge()
    verdict = original(judge)
    now = removal.utc_now()
    monkeypatch.setattr(removal, "utc_now", lambda: now + timedelta(days=400))
    with pytest.raises(TryLater, match="file server"):
        remove(judge, verdict)


def test_a_requeue_that_was_too_quick_for_the_listing_is_still_seen_by_its_record(library, monkeypatch):
    judge = library.judge()
    verdict = original(judge)
    requeued(library)
    monkeypatch.setattr(Needed, "look", lambda self: None)
    told = remove(judge, verdict)
    assert not told.is_removed and "requeued" in told.reason


def test_a_strangers_file_in_an_attempts_folder_stays(library):
    judge = library.judge()
    verdict = next(v for v in judge.verdicts() if v.may_go and v.unit.policy == "heavy_output")
    stranger = library.put("indoor_nas", f"{verdict.unit.path}/mine.txt", b"mine")
    assert remove(judge, verdict).is_removed
    assert stranger.read_bytes() == b"mine" and len(list(stranger.parent.iterdir())) == 1


def test_a_full_spool_disk_does_not_hinder_making_room(library, monkeypatch):
    judge = library.judge()
    verdict = original(judge)
    write, path = Files.write, library.roots["indoor_nas"] / "raw/old.mp4"

    def full(self, name, content):
        if path.exists():
            raise OutputRefused(os.strerror(errno.ENOSPC))
        write(self, name, content)

    monkeypatch.setattr(Files, "write", full)
    monkeypatch.setattr(Files, "now_ns", lambda self, probe: full(self, probe, b""))
    assert remove(judge, verdict).is_removed
    assert [stone["video_id"] for stone in tombstones(library.spool)] == [library.video_id]


def test_garbage_that_is_still_written_stays(library):
    task_id = next(iter(library.roots["indoor_nas"].glob(f"preproc/{library.video_id}/*"))).name.partition(".")[0]
    folder = library.roots["indoor_nas"] / f"preproc/{library.video_id}/{task_id}.a00"
    library.put("indoor_nas", f"preproc/{library.video_id}/{task_id}.a00/half.json", b"{")
    library.age(folder, 2)
    judge = library.judge()
    verdict = next(v for v in judge.verdicts() if v.unit.policy == "garbage")
    (folder / "half.json").write_bytes(b"{}")
    assert not remove(judge, verdict).is_removed
    library.age(folder, 2)
    judge = library.judge()
    verdict = next(v for v in judge.verdicts() if v.unit.policy == "garbage")
    assert remove(judge, verdict).is_removed and not folder.exists()


@pytest.mark.parametrize("at", range(0, 60, 4))
def test_killed_anywhere_it_leaves_no_original_without_a_verified_copy(library, at):
    pid = os.fork()
    if pid == 0:
        count = 0

        def killer(frame, event, arg):
            nonlocal count
            if Path(frame.f_code.co_filename).name in ("removal.py", "pins.py", "atomic.py"):
                count += 1
                if count > at * 12:
                    os.kill(os.getpid(), signal.SIGKILL)
            return killer

        judge = library.judge()
        going = [v for v in judge.verdicts() if v.may_go]
        sys.settrace(killer)
        for verdict in going:
            remove(judge, verdict)
        os._exit(0)
    os.waitpid(pid, 0)
    judge = library.judge()
    for verdict in [v for v in judge.verdicts() if v.may_go]:
        assert remove(judge, verdict).is_removed
    left = library.files()
    assert not any("/raw/old" in name for name in left) and any("raw/fresh" in name for name in left)
    assert sum(name.startswith(f"shed_nas/archive/{library.video_id}") for name in left) == 2
    assert {s["policy"] for s in tombstones(library.spool)} == {"raw_videos", "preproc_data", "heavy_output"}
