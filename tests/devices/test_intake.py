"""Intake: which files are clips, when one is whole, and that nothing is taken or read twice."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from dashtools.devices import intake as intake_module
from dashtools.devices.intake import find_clips, intake
from dashtools.devices.seen import SeenLedger
from dashtools.errors import TryLater

NOW = 1_700_000_000.0


class Spool:
    """Takes tasks and knows their ids, like publish_root."""

    def __init__(self) -> None:
        self.tasks = {}

    def publish(self, task):
        if task.task_id in self.tasks:
            return None
        self.tasks[task.task_id] = task
        return Path(f"pending/{task.task_id}.json")


@pytest.fixture
def house(tmp_path: Path):
    """A root with clips, a spool, and a pass over both."""

    class House:
        def __init__(self) -> None:
            self.root, self.ledger_path = tmp_path / "clips", tmp_path / "seen.json"
            self.spool, self.waits = Spool(), []
            self.root.mkdir()

        def put(self, name: str, content: bytes = b"x", age_s: float = 100) -> Path:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, (NOW - age_s, NOW - age_s))
            return path

        def take(self, during_wait=lambda: None, **options):
            def wait(seconds: float) -> None:
                self.waits.append(seconds)
                during_wait()

            ledger = SeenLedger.load(self.ledger_path, "u")
            return intake(self.root, "dash", ledger, self.spool.publish, clock=lambda: NOW, wait=wait, **options)

    return House()


def test_clips_are_found_by_suffix_in_any_case_and_debris_is_not(house):
    for name in ("b/A.MP4", "a.mov", "c.TS", "d.m4v", "._a.mp4", ".hidden.mp4", "x.mp4.part", "y.part.mp4", "n.gps",
                 ".trash/z.mp4", "notes.txt"):  # fmt: skip
        house.put(name)
    assert sorted(clip.path for clip in find_clips(house.root)) == ["a.mov", "b/A.MP4", "c.TS", "d.m4v"]


def test_a_clip_becomes_a_task_with_digest_size_and_name(house):
    path = house.put("DCIM/My drive (1).MP4", b"pictures")
    done = house.take(priority_of=lambda name: 3)
    (task,) = house.spool.tasks.values()
    sha256 = hashlib.sha256(b"pictures").hexdigest()
    (ref,) = task.inputs
    assert (ref.device, ref.path, ref.type, ref.sha256, ref.size_bytes) == (
        "dash", "DCIM/My drive (1).MP4", "video", sha256, 8,
    )  # fmt: skip
    assert (task.task_type, task.video_id, task.priority) == ("INGEST_VIDEO", f"My-drive-1-{sha256[:8]}", 3)
    assert task.metadata == {"clip": "My drive (1).MP4", "mtime_ns": path.stat().st_mtime_ns}
    assert done.published == [Path(f"pending/{task.task_id}.json")]


def test_a_second_pass_publishes_nothing_and_opens_no_unchanged_clip(house, monkeypatch):
    house.put("a.mp4", b"a")
    house.put("b.mp4", b"b")
    house.take()
    monkeypatch.setattr(intake_module, "sha256_of", lambda path: pytest.fail(f"{path} was opened"))
    done = house.take()
    assert (done.published, done.unchanged, done.known, house.waits) == ([], 2, 0, [])


def test_a_changed_clip_is_taken_again(house):
    house.put("a.mp4", b"a")
    house.take()
    house.put("a.mp4", b"longer", age_s=100)
    assert len(house.take().published) == 1
    house.put("a.mp4", b"newer!", age_s=50)
    assert len(house.take().published) == 1


def test_a_lost_ledger_costs_a_reading_and_publishes_nothing_twice(house):
    house.put("a.mp4")
    house.take()
    house.ledger_path.write_bytes(b"{ damaged")
    done = house.take()
    assert (done.published, done.known) == ([], 1)


def test_the_same_content_under_two_names_is_one_clip(house):
    house.put("a.mp4")
    house.put("copy.mp4")
    done = house.take()
    assert (len(done.published), done.known) == (1, 1)


def test_a_ledger_of_another_spool_does_not_count(house):
    house.put("a.mp4")
    house.take()
    assert SeenLedger.load(house.ledger_path, "u").entries
    assert SeenLedger.load(house.ledger_path, "another").entries == {}


def test_an_old_clip_needs_one_look_and_a_young_one_a_second(house):
    house.put("old.mp4", b"old")
    house.take()
    assert house.waits == []
    house.put("young.mp4", b"young", age_s=2)
    assert len(house.take().published) == 1
    assert house.waits == [10.0]


def test_a_clip_that_grows_between_the_looks_is_left_unopened_for_the_next_pass(house, monkeypatch):
    monkeypatch.setattr(intake_module, "sha256_of", lambda path: pytest.fail(f"{path} was opened"))
    house.put("growing.mp4", b"half", age_s=1)
    done = house.take(during_wait=lambda: house.put("growing.mp4", b"half and more", age_s=0))
    assert (done.published, done.unsettled, house.spool.tasks) == ([], ["growing.mp4"], {})


def test_a_clip_from_the_future_gets_its_second_look(house):
    house.put("future.mp4", age_s=-5000)
    assert len(house.take().published) == 1
    assert house.waits == [10.0]


def test_a_clip_that_changes_while_it_is_read_is_left_for_the_next_pass(house, monkeypatch):
    house.put("a.mp4")
    monkeypatch.setattr(intake_module, "sha256_of", lambda path: house.put("a.mp4", b"new", age_s=0) and "ab" * 32)
    assert house.take().unsettled == ["a.mp4"]


@pytest.mark.parametrize("errno_name", ["EACCES", "EIO", "ENOENT", "ESTALE"])
def test_a_clip_that_cannot_be_read_is_told_and_the_rest_goes_on(house, monkeypatch, errno_name):
    import errno

    number = getattr(errno, errno_name)
    house.put("bad.mp4", b"bad")
    house.put("good.mp4", b"good")
    real = intake_module.sha256_of

    def failing(path: Path) -> str:
        if path.name == "bad.mp4":
            raise OSError(number, "no")
        return real(path)

    monkeypatch.setattr(intake_module, "sha256_of", failing)
    done = house.take()
    assert len(done.published) == 1
    assert done.problems == [("bad.mp4", os.strerror(number))]


def test_a_clip_that_vanishes_between_the_looks_is_told(house):
    path = house.put("gone.mp4", age_s=1)
    assert house.take(during_wait=path.unlink).problems == [("gone.mp4", "No such file or directory")]


def test_a_name_that_no_task_can_carry_is_told_and_the_rest_goes_on(house):
    house.put("good.mp4")
    (house.root / os.fsdecode(b"bad\xff.mp4")).write_bytes(b"y")
    done = house.take()
    assert len(done.published) == 1 and "rename it" in done.problems[0][1]


def test_an_empty_file_is_published_so_that_its_fate_is_recorded(house):
    house.put("empty.mp4", b"")
    assert len(house.take().published) == 1


def test_an_empty_folder_is_nothing_to_do_and_a_missing_one_is_for_later(house):
    assert house.take().published == []
    with pytest.raises(TryLater, match="mounted"):
        list(find_clips(house.root / "not-there"))


def test_ids_are_short_and_safe_whatever_the_name(house):
    house.put("Ü" * 30 + "long name " * 15 + ".mp4")
    house.take()
    (task,) = house.spool.tasks.values()
    stem, _, digest = task.video_id.rpartition("-")
    assert len(stem) <= 40 and len(digest) == 8 and task.video_id.isascii()


def test_a_clip_that_is_not_whole_is_looked_at_twice_whatever_its_date_says(house):
    path = house.put("a.mp4", b"half", age_s=5000)

    def goes_on() -> None:
        path.write_bytes(b"half and half")
        os.utime(path, (NOW - 5000, NOW - 5000))  # as a copy tool that keeps dates

    done = house.take(goes_on, is_whole=lambda path: path.stat().st_size > 10)
    assert (done.unsettled, done.published) == (["a.mp4"], [])
    assert len(house.take(is_whole=lambda path: path.stat().st_size > 10).published) == 1
    assert house.waits == [10.0]


def test_a_torn_clip_that_stands_still_is_taken_for_its_task_to_say_why(house):
    house.put("a.mp4", b"half", age_s=5000)
    assert len(house.take(is_whole=lambda path: False).published) == 1


def test_a_pipe_under_a_clips_name_is_told_and_not_waited_for(house):
    os.mkfifo(house.root / "pipe.mp4")
    house.put("a.mp4")
    done = house.take()
    assert len(done.published) == 1 and done.problems == [("pipe.mp4", "it is a pipe or a device, and no file")]


def test_a_folder_that_is_empty_all_of_a_sudden_is_an_unmounted_share(house):
    path = house.put("a.mp4")
    house.take()
    path.unlink()
    with pytest.raises(TryLater, match="is empty and clips were there before"):
        house.take()
    house.put("notes.txt")
    assert house.take().published == []


def test_a_folder_that_was_always_empty_is_just_empty(house):
    assert house.take().published == []
