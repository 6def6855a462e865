"""What the report says may go, and what it says must stay."""

from dataclasses import replace
from datetime import timedelta

import pytest
from retention_library import RetentionLibrary

from dashtools.devices.clip_rows import Watched
from dashtools.devices.pins import pin, unpin
from dashtools.devices.recorded import read_records
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


STILL = [{"latitude": 52.0 + n * 1e-5, "longitude": 20.0, "speed_mps": 0.1} for n in range(6)]
DRIVEN = [{"latitude": 52.0 + n * 1e-3, "longitude": 20.0, "speed_mps": 11.0} for n in range(6)]


def test_where_room_is_needed_clips_that_stood_still_or_show_nothing_go_first(library):
    library.add("old", 50, plates=["AB12CDE"], fixes=DRIVEN)
    library.add("empty", 40, plates=[], fixes=DRIVEN)
    library.add("still", 30, plates=["AB12CDE"], fixes=STILL)
    library.add("parked", 20, plates=["AB12CDE"], is_parking=True)
    going = [line for line in library.going(min_free_bytes=1 << 60) if line.startswith("raw_videos")]
    assert going == ["raw_videos empty", "raw_videos still", "raw_videos parked", "raw_videos old"]
    assert "nothing was seen in it" in library.reasons("empty", min_free_bytes=1 << 60)["raw_videos"]


@pytest.mark.parametrize("fixes", [STILL[:3], [], DRIVEN], ids=["too_few_fixes", "no_fix", "moved"])
def test_a_clip_does_not_count_as_still_unless_that_is_certain(library, fixes):
    library.add("clip", 20, plates=["AB12CDE"], fixes=fixes)
    assert read_records(library.spool).unmissed == {}


@pytest.mark.parametrize("listed", ["AB12CDE", "A812CDE"], ids=["itself", "a_look_alike"])
def test_a_clip_with_a_watched_plate_stays_whole(library, listed):
    library.add("seen", 900, plates=["XX11XXX", "AB12CDE"])
    library.add("other", 900, plates=["XX11XXX"])
    recorded = read_records(library.spool, Watched([listed]))
    judge = replace(library.judge(min_free_bytes=1 << 60), recorded=recorded)
    going = {verdict.unit.video_id.partition("-")[0] for verdict in judge.verdicts() if verdict.may_go}
    assert going == {"other"}


def test_a_correction_tells_which_plate_is_watched(library):
    video_id = library.add("seen", 900, plates=["XX11XXX"])
    watched = Watched(["AB12CDE"], {f"{video_id}.t000": "AB12CDE"})
    assert read_records(library.spool, watched).exempt == {video_id: "a watched plate is in it"}


def test_only_clips_of_the_chosen_trip_are_judged(library):
    chosen = library.add("one", 900)
    library.add("two", 900)
    assert library.going(video_ids=frozenset([chosen])) == ["heavy_output one", "preproc_data one", "raw_videos one"]
