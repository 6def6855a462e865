"""Ingest: what it writes, hands on and refuses."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from dashtools.errors import BadInput, UnreadableClip
from dashtools.model import OUT, FileRef, Fix, Task, Track
from dashtools.ports import ClipFacts, ContainerReport, StageContext
from dashtools.stages.ingest import IngestStage, read_track

FACTS = ClipFacts(1920, 1080, "h264", 60.04, 30.0, 1801, 0, True, "2017-07-09T08:21:16Z")
NAME = "2017_0709_082116_002F.MP4"


class FakeDecoder:
    name, version = "fake", "1"

    def __init__(self, *, damaged_at: int | None = None) -> None:
        self.damaged_at = damaged_at

    def facts(self, path: Path) -> ClipFacts:
        return FACTS

    def frames(self, path, damage=None):
        raise AssertionError("ingest decodes no whole clip")

    def damaged_tail_at(self, path: Path) -> int | None:
        return self.damaged_at


class FakeReader:
    def __init__(self, track: Track | None) -> None:
        self.name, self.track = "fake", track

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        return self.track


VOID = Track("novatek", (Fix(0, False), Fix(1000, False)), note="the receiver never had a fix")
GOOD = Track(
    "blackvue", (Fix(0, False), Fix(1000, True, 53.9, 27.6, 10.0, 90.0, 222.0, "2017-07-09T05:21:17Z", offset=77))
)


@pytest.fixture
def run(tmp_path: Path):
    clip = tmp_path / "raw" / NAME
    clip.parent.mkdir()
    clip.write_bytes(b"moving pictures")
    os.utime(clip, ns=(5, 5))
    out = tmp_path / "out"

    def go(*tracks, decoder=None, report=None, folder="Movie", known=True, check=None, mtime_ns=5, sha256="ab" * 32):
        ref = FileRef("clips", f"{folder}/{NAME}", "video", sha256=sha256 if known else None)
        task = Task(
            "t1", "INGEST_VIDEO", "v1", inputs=(ref,), metadata={"clip": NAME, "mtime_ns": mtime_ns, "kept": "on"}
        )
        out.mkdir(exist_ok=True)
        stage = IngestStage(
            decoder or FakeDecoder(),
            [FakeReader(track) for track in tracks],
            check or (lambda path: report or ContainerReport("mp4", (), 1801, 0)),
        )
        result = stage(StageContext(task, {"video": [clip]}, out, {}, lambda share, what: None))
        return result, out

    return go


def written(out: Path, name: str) -> dict:
    return json.loads((out / name).read_bytes())


def test_ingest_json_says_what_the_clip_is(run):
    result, out = run(GOOD)
    said = written(out, "ingest.json")
    assert said["container"] == {
        "format": "mp4", "codec": "h264", "width": 1920, "height": 1080, "duration_s": 60.04, "frame_rate": 30.0,
        "frame_count": 1801, "has_audio": True, "creation_time": "2017-07-09T08:21:16Z", "rotation_deg": 0,
    }  # fmt: skip
    assert (said["camera"], said["channel"], said["sha256"], said["size_bytes"]) == ("viofo", "front", "ab" * 32, 15)
    assert (said["recorded_at"], said["recorded_at_method"]) == ("2017-07-09T05:21:16Z", "gps")
    assert said["utc_offset_min"] == 180
    assert said["gps"] == {
        "reader": "blackvue", "fixes": 1, "void": 1, "note": None, "uncertainty_ms": None, "doubts": [],
    }  # fmt: skip
    assert said["clock"] == {"skew_s": 0.0, "uncertainty_s": 0.5}
    assert [(output.path, output.type) for output in result.outputs] == [
        ("ingest.json", "ingest"),
        ("track.json", "track"),
    ]


def test_the_track_file_gives_the_same_track_back(run):
    _, out = run(GOOD)
    assert Track.from_json(written(out, "track.json")) == GOOD


def test_the_next_task_carries_clip_ingest_and_track_and_all_metadata(run):
    result, _ = run(GOOD)
    (child,) = result.children
    assert child.task_type == "PREPROCESS_VIDEO"
    assert [(ref.device, ref.type) for ref in child.inputs] == [("clips", "video"), (OUT, "ingest"), (OUT, "track")]
    assert child.inputs[0].sha256 == "ab" * 32
    assert child.metadata == {
        "clip": NAME, "mtime_ns": 5, "kept": "on", "video_sha256": "ab" * 32, "duration_s": 60.04,
        "recorded_at": "2017-07-09T05:21:16Z",
    }  # fmt: skip


def test_rows_hold_the_clip_and_every_slot(run):
    result, _ = run(GOOD)
    video, *fixes = result.rows
    assert (video["table"], video["path"], video["duration_ms"], video["fix_count"]) == (
        "videos", f"Movie/{NAME}", 60040, 1,
    )  # fmt: skip
    assert (video["damage"], video["damaged_frames"]) == (None, 0)
    assert [(row["table"], row["slot"], row["t_ms"], row["is_valid"]) for row in fixes] == [
        ("fixes", 0, 0, 0),
        ("fixes", 1, 1000, 1),
    ]


def test_a_digest_that_the_task_lacks_is_computed(run):
    result, _ = run(GOOD, known=False)
    assert result.children[0].inputs[0].sha256 == hashlib.sha256(b"moving pictures").hexdigest()


def test_the_first_track_with_a_fix_wins_over_an_earlier_void_one(run):
    assert written(run(None, VOID, GOOD)[1], "track.json")["reader"] == "blackvue"


def test_a_void_track_is_kept_with_its_reason_when_nobody_has_a_fix(run):
    _, out = run(VOID, None)
    assert written(out, "track.json")["note"] == "the receiver never had a fix"
    assert written(out, "ingest.json")["recorded_at_method"] == "filename, zone unknown"


def test_a_clip_without_any_recording_says_so(run):
    result, out = run(None, None)
    assert written(out, "ingest.json")["gps"] == {
        "reader": "none", "fixes": 0, "void": 0, "note": "no GPS recording found in the clip", "uncertainty_ms": None,
        "doubts": [],
    }  # fmt: skip
    assert [row["table"] for row in result.rows] == ["videos"]


def test_damage_is_counted_and_the_clip_goes_on(run):
    report = ContainerReport("mp4", ("3 of 9 pictures of the index are not in the file",), 9, 3)
    result, out = run(GOOD, report=report, decoder=FakeDecoder(damaged_at=4711))
    damage = written(out, "ingest.json")["damage"]
    assert damage["lost_frames"] == 3 and damage["decode_errors"] == 1
    assert "last second does not decode" in damage["messages"][1] and "from byte 4711" in damage["messages"][1]
    assert json.loads(result.rows[0]["damage"]) == damage and result.rows[0]["damaged_frames"] == 3
    assert len(result.children) == 1


def test_a_clip_that_was_replaced_by_as_many_other_bytes_is_not_taken_for_the_old_one(run):
    with pytest.raises(BadInput, match="replaced by other bytes"):
        run(GOOD, mtime_ns=4)


def test_a_clip_whose_date_alone_changed_is_still_itself(run):
    sha256 = hashlib.sha256(b"moving pictures").hexdigest()
    _, out = run(GOOD, sha256=sha256, mtime_ns=4)
    assert written(out, "ingest.json")["sha256"] == sha256


def test_a_lost_head_moves_the_track_and_is_told(run):
    class Late(FakeDecoder):
        def facts(self, path):
            return replace(FACTS, lost_head_ms=700)

    _, out = run(GOOD, decoder=Late())
    assert [fix["t_ms"] for fix in written(out, "track.json")["fixes"]] == [-700, 300]
    assert "first 0.7 s do not decode" in written(out, "ingest.json")["damage"]["messages"][0]


def test_a_folder_of_the_camera_flags_the_clip(run):
    result, out = run(GOOD, folder="Movie/RO")
    assert written(out, "ingest.json")["flags"] == {"event": False, "parking": False, "locked": True}
    assert result.rows[0]["is_locked"] == 1


def test_an_unreadable_container_leaves_nothing(run, tmp_path):
    def refuse(path):
        raise UnreadableClip(path.name, "no moov box")

    with pytest.raises(UnreadableClip, match="no moov box"):
        run(GOOD, check=refuse)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_same_clip_gives_the_same_bytes_twice(run):
    first = [(path.name, path.read_bytes()) for path in sorted(run(GOOD)[1].iterdir())]
    assert first == [(path.name, path.read_bytes()) for path in sorted(run(GOOD)[1].iterdir())]


def test_where_the_format_is_known_a_fallback_is_not_asked(run):
    class Guess(FakeReader):
        is_fallback = True

    _, out = run(VOID)
    track = read_track([FakeReader(VOID), Guess(GOOD)], out, FACTS)
    assert track.reader == "novatek" and not any(fix.is_valid for fix in track.fixes)
    assert read_track([FakeReader(None), Guess(GOOD)], out, FACTS).reader == "blackvue"
