"""Truth folders are read, answers are counted, and the plain pipeline is what it says."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest

from dashtools.bench.intervals import by_cluster, wilson
from dashtools.bench.plates import measure, table
from dashtools.bench.plates_plain import PlainTracks, plain_reads
from dashtools.bench.plates_score import Answer, ClipScore, Found, PictureScore
from dashtools.bench.plates_truth import Clip, Plate, read_truth
from dashtools.config import DEFAULT_PROCESSING
from dashtools.errors import BadInput, InputMissing
from dashtools.geometry import Box

sys.path.insert(0, str(Path(__file__).parents[1] / "stages"))
from seeing_fakes import Drawn, FakeDecoder, FakeDetector, FakeReader, scene

BOX = Box(100, 200, 180, 220)


def clip_of(texts: tuple[str, ...], frames: int = 1) -> Clip:
    plates = tuple(Plate(BOX, text, True) for text in texts)
    return Clip(Path("a.mp4"), texts, ("SEEN1",), (plates,) * frames, frozenset())


def found(text: str, confidence: float = 0.9, box: Box = BOX, *, is_shown: bool = True) -> Found:
    return Found(box, text, confidence, is_shown)


def test_openalpr_files_give_pictures_with_boxes(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("b.jpg\t10\t20\t30\t10\tAB12\n")
    (tmp_path / "a.txt").write_text("a.jpg\t1\t2\t3\t4\tXY9\n")
    truth = read_truth(tmp_path)
    assert [still.path.name for still in truth.stills] == ["a.jpg", "b.jpg"]
    assert truth.stills[1].plates == (Plate(Box(10, 20, 40, 30), "AB12", True),)
    assert [still.path.name for still in read_truth(tmp_path, "odd").stills] == ["b.jpg"]


def test_a_clips_truth_knows_repeated_frames_and_plates_without_a_box(tmp_path: Path) -> None:
    objects = [{"box": [1, 2, 3, 4], "text": None, "legible": False}]
    frames = [{"repeat": False, "objects": objects}, {"repeat": True, "objects": []}]
    content = {"clip": "a.mp4", "plates": ["AB12"], "unboxed_plates": ["CD34"], "frames": frames}
    (tmp_path / "a.json").write_text(json.dumps(content))
    (clip,) = read_truth(tmp_path).clips
    assert (clip.texts, clip.unboxed, clip.repeats) == (("AB12",), ("CD34",), frozenset({1}))
    assert clip.frames[0] == (Plate(Box(1, 2, 3, 4), None, False),)


def test_a_folder_without_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no truth"):
        read_truth(tmp_path)
    with pytest.raises(InputMissing):
        read_truth(tmp_path / "none")


def test_pictures_are_counted_exact_merged_and_within_one() -> None:
    score = PictureScore()
    for text in ("AB10", "AB1O", "AB1X", "QQQQ"):
        score.add("p", [Plate(BOX, "AB10", True)], [found(text)])
    score.add("p", [Plate(BOX, "AB10", True)], [])
    shares = score.shares()
    assert [shares[n].hits for n in ("recall_legible", "exact_of_legible")] == [4, 1]
    assert [shares[n].hits for n in ("merged_of_legible", "within_1_of_legible", "shown_false")] == [2, 3, 1]
    assert score.reliability() == [{"count": 4, "told": 0.9, "exact": 1}]
    assert [wrong.got for wrong in score.wrong] == ["AB1O", "AB1X", "QQQQ", None]


def test_an_illegible_plate_counts_for_detection_only() -> None:
    score = PictureScore()
    score.add("p", [Plate(BOX, None, False)], [found("AB10")])
    assert (score.boxes_found, score.reads) == (1, [])


def test_a_clip_counts_plates_false_sightings_and_duplicates() -> None:
    score = ClipScore()
    answers = [Answer(text, ()) for text in ("AB10", "AB1X", "SEEN1", "ZZZZZZ")]
    score.add(clip_of(("AB10", "CD20")), answers)
    assert (score.sightings, score.false, score.duplicates) == (4, 1, 1)
    assert score.plates == [("AB10", True, True, True), ("CD20", False, False, False)]


def test_a_vote_is_held_against_its_most_confident_read() -> None:
    score = ClipScore()
    reads = tuple((i, found(t, c)) for i, (t, c) in enumerate([("AB10", 0.8), ("AB10", 0.7), ("A810", 0.95)]))
    score.add_votes(clip_of(("AB10",), frames=3), [Answer("AB10", reads), Answer("AB10", reads[:2])])
    assert score.votes == [("AB10", True, False)]


def test_intervals_of_clusters_are_wider_than_of_independent_cases() -> None:
    outcomes = [("A", True)] * 40 + [("B", False)] * 10 + [("C", True)] * 10
    clustered, alone = by_cluster(outcomes), wilson(50, 60)
    assert clustered.hits == alone.hits
    assert clustered.high - clustered.low > alone.high - alone.low


def test_the_plain_pipeline_joins_reads_that_are_near_or_alike() -> None:
    tracks, away = PlainTracks(), Box(400, 200, 480, 220)
    tracks.add(0, 0, [found("AB10", 0.8)])
    tracks.add(1, 200, [found("A8", 0.9, is_shown=False)])
    tracks.add(2, 5000, [found("AB1X", 0.7, away), found("QRSTUV", 0.6)])
    assert [(a.text, len(a.reads)) for a in tracks.answers()] == [("AB10", 3), ("QRSTUV", 1)]


def test_the_plain_pipeline_halves_the_confidence_of_an_unusual_length() -> None:
    (read,) = plain_reads(FakeDetector(), FakeReader({7: ("AB", 0.9)}), scene(1, (Drawn(100, 7),)))
    assert (read.text, read.is_shown) == ("AB", False)


@dataclass
class FakeTools:
    decoder: FakeDecoder
    detector: FakeDetector
    proposer: FakeDetector
    reader: FakeReader


def test_a_folder_is_measured_by_both_pipelines(tmp_path: Path) -> None:
    pictures = [scene(i, (Drawn(100 + 30 * i, 7),)) for i in range(4)]
    boxes = [[100 + 30 * i, 200, 180 + 30 * i, 220] for i in range(4)]
    frames = [{"repeat": False, "objects": [{"box": box, "text": "AB12CD", "legible": True}]} for box in boxes]
    (tmp_path / "a.json").write_text(json.dumps({"clip": "a.mp4", "plates": ["AB12CD"], "frames": frames}))
    (tmp_path / "a.mp4").write_bytes(b"a")
    (tmp_path / "s.json").write_text(json.dumps({"s.png": {"objects": frames[0]["objects"]}}))
    cv2.imwrite(str(tmp_path / "s.png"), pictures[0])
    tools = FakeTools(
        FakeDecoder(pictures, [0, 200, 400, 600]), FakeDetector(), FakeDetector(), FakeReader({7: ("AB12CD", 0.97)})
    )
    ours, plain = measure(read_truth(tmp_path), tools, DEFAULT_PROCESSING, plain=True, say=lambda text: None)
    for report in (ours, plain):
        assert report.to_json()["shares"]["exact_of_legible"]["hits"] == 5
        assert report.clips.to_json() == {"clips": 1, "sightings": 1, "false": 0, "duplicates": 0}
    assert len(table([ours, plain])) == 4 and any("vote_exact" in line for line in ours.lines())


def test_dc_bench_has_the_command() -> None:
    from dashtools.commands.bench import command

    assert "plates" in command.commands
