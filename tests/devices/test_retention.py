"""What the report says may go, and what it says must stay."""

from datetime import timedelta

import pytest
from retention_library import RetentionLibrary

from dashtools.devices.pins import pin, unpin
from dashtools.devices.retention import check_clock
from dashtools.errors import TryLater
from dashtools.spool import scan
from dashtools.spool.atomic import Files
from dashtools.spool.compact import Compactor
from dashtools.times import utc_now


@pytest.fixture
def library(tmp_path):
    found = RetentionLibrary(tmp_path)
    found.add("fresh", 0)
    return found


def test_each_kind_goes_at_its_own_age(library):
    library.add("week", 8)
    library.add("month", 31)
    library.add("quarter", 91)
    assert library.going() == [
        "heavy_output quarter",
        "heavy_output month",
        "heavy_output week",
        "preproc_data quarter",
        "preproc_data month",
        "raw_videos quarter",
    ]


def test_null_keeps_for_ever_also_when_room_is_needed(library):
    library.add("old", 900)
    judge = library.judge(min_free_bytes=1 << 60)
    object.__setattr__(judge.rules, "days", {**judge.rules.days, "raw_videos": None})
    assert "raw_videos" not in {v.unit.policy for v in judge.verdicts() if v.may_go}


def test_room_takes_the_young_too_but_not_what_is_of_today(library):
    library.add("young", 2)
    assert library.going() == []
    assert library.going(min_free_bytes=1 << 60) == ["heavy_output young", "preproc_data young", "raw_videos young"]


@pytest.mark.parametrize("flag", ["is_event", "is_locked"])
def test_event_and_locked_clips_stay_whole(library, flag):
    library.add("crash", 900, **{flag: True})
    assert library.going(min_free_bytes=1 << 60) == []


def test_a_read_only_storage_is_never_touched(library):
    library.add("mine", 900, storage="clips")
    assert "raw_videos mine" not in library.going()
    assert library.reasons("mine")["raw_videos"] == "its storage is read-only"


def test_a_pinned_clip_stays_until_it_is_unpinned(library):
    video_id = library.add("trip", 900)
    assert pin(library.spool, video_id) and not pin(library.spool, video_id)
    assert library.going() == []
    assert unpin(library.spool, video_id)
    assert len(library.going()) == 3


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_half_archived_clip_stays_whole(library, steps):
    library.add("half", 900, steps=steps)
    assert library.going() == []
    assert set(library.reasons("half").values()) == {"a pending task works on this clip"}


def test_an_archive_copy_that_lost_a_file_saves_the_original(library):
    video_id = library.add("lost", 900)
    next(library.roots["shed_nas"].glob(f"archive/{video_id}/*/video_lowres.mp4")).unlink()
    assert library.going() == []
    assert "archive copy" in library.reasons("lost")["raw_videos"]


def test_a_requeued_task_keeps_its_clip(library):
    library.add("again", 900)
    entry = next(e for e in library.spool.completed("HEAVY_PROCESS_VIDEO") if "again" in library.spool.load(e).video_id)
    library.spool.requeue(entry)
    assert library.going() == []


def test_a_committed_attempt_that_is_not_activated_keeps_its_clip(library, monkeypatch):
    library.add("crashed", 900, steps=3)
    monkeypatch.setattr(library.spool, "activate", lambda *_: None)
    library.step("ARCHIVE_VIDEO", "crashed-0a1b2c3d", 900)
    assert library.spool.files.names("staging")
    assert library.going() == []


def test_an_original_outside_the_raw_folder_stays(library):
    video_id = library.add("astray", 900)
    judge = library.judge()
    unit = next(v.unit for v in judge.verdicts() if v.unit.policy == "raw_videos" and v.unit.video_id == video_id)
    moved = type(unit)(**{**unit.__dict__, "path": "STORAGE"})
    assert judge.reason_to_stay(moved, False) == "it is not in raw/ of its storage"


def test_a_dead_attempts_folder_is_garbage_after_a_day(library):
    video_id = library.add("clip", 5)
    task_id = next(iter(library.roots["indoor_nas"].glob(f"preproc/{video_id}/*"))).name.partition(".")[0]
    library.put("indoor_nas", f"preproc/{video_id}/{task_id}.a00/half.json", b"{")
    assert library.going() == []
    library.age(library.roots["indoor_nas"] / f"preproc/{video_id}/{task_id}.a00", 2)
    assert library.going() == ["garbage clip"]


def test_a_folder_of_an_unknown_task_may_be_another_spools_and_stays(library):
    library.put("indoor_nas", "preproc/other-00000000/feedfeedfeedfeed.a01/preproc.json", b"{}")
    library.age(library.roots["indoor_nas"] / "preproc/other-00000000", 400)
    assert library.going() == []


def test_an_unmounted_storage_stops_the_report(library):
    library.add("old", 900)
    (library.roots["indoor_nas"] / "STORAGE").unlink()
    with pytest.raises(TryLater, match="mounted"):
        library.going()


def test_an_unreadable_pending_task_stops_the_report(library):
    video_id = library.add("old", 900, steps=1)
    entry = next(iter(library.spool.pending()))
    (library.spool.root / entry.path).write_bytes(b"{")
    with pytest.raises(TryLater, match="cannot be read"):
        library.going()
    assert video_id


@pytest.mark.parametrize(
    ("host_days", "server_days", "newest_days", "words"),
    [(0, 2, -1, "file server"), (-3, -3, -1, "completed later"), (60, 60, 0, "clock-is-right")],
    ids=["off the file server", "before the newest record", "far ahead"],
)
def test_a_clock_that_is_off_stops_everything(library, host_days, server_days, newest_days, words):
    now = utc_now()
    newest = library.judge().recorded.newest
    at = {name: now + timedelta(days=days) for name, days in (("host", host_days), ("server", server_days))}
    newest = type(newest)(newest.path, newest.task, now + timedelta(days=newest_days))
    with pytest.raises(TryLater, match=words):
        check_clock(at["host"], at["server"], newest)


def test_looking_again_reads_only_new_names(library, monkeypatch):
    library.add("one", 1, steps=1)
    judge = library.judge()
    library.add("two", 1, steps=1)
    opened = []
    read = Files.read
    monkeypatch.setattr(Files, "read", lambda self, path: opened.append(path) or read(self, path))
    judge.needed.look()
    assert len(opened) == 1


def test_packed_records_are_judged_as_they_were(library):
    library.add("quarter", 91)
    library.add("crash", 900, is_event=True)
    before = library.going()
    for leaf in list(scan.leaves(library.spool.files)):
        Compactor(library.spool).compact(leaf)
    assert before and library.going() == before
