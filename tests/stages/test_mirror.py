"""A clip filmed mirrored is told by its plates, and read turned round."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from seeing_fakes import Drawn, FakeDecoder, FakeDetector, scene

from dashtools.errors import BackendUnavailable
from dashtools.model import PlateRead, Task, Track
from dashtools.ports import StageContext
from dashtools.stages.canonical import write_json
from dashtools.stages.crops import Reading
from dashtools.stages.heavy import HeavyStage
from dashtools.stages.mirror import Orientation
from dashtools.stages.preproc import PreprocStage

TASK = Task("t1", "HEAVY_PROCESS_VIDEO", "drive-01", metadata={"clip": "drive.mp4"})


def reading(text: str, confidence: float) -> Reading:
    return Reading(text, (confidence,) * len(text), "whole")


GOOD, BAD, SHORT = reading("AB12CD", 0.95), reading("GD2T8A", 0.5), reading("AHA", 0.99)


@pytest.mark.parametrize(
    ("pairs", "is_mirrored"),
    [([(BAD, GOOD)] * 2, True), ([(BAD, GOOD)], False), ([(GOOD, BAD)] * 5, False), ([(GOOD, GOOD)] * 9, False)]
    + [([(BAD, GOOD)] * 2 + [(GOOD, BAD)], False), ([(BAD, SHORT)] * 5, False), ([], False)],
    ids=["two say so", "one says so", "as filmed", "same both ways", "one against two", "too short", "no plates"],
)
def test_two_plates_without_dissent_make_a_clip_mirrored(pairs: list[tuple[Reading, Reading]], is_mirrored) -> None:
    orientation = Orientation()
    for as_filmed, turned in pairs:
        orientation.hear(as_filmed, turned)
    assert orientation.is_mirrored is is_mirrored


def test_asking_ends_when_enough_crops_spoke_and_when_too_many_said_nothing() -> None:
    talking, silent = Orientation(), Orientation()
    for _ in range(10):
        talking.hear(GOOD, BAD)
    for _ in range(40):
        silent.hear(BAD, BAD)
    assert not talking.is_open and not silent.is_open


@dataclass
class SidedReader:
    """Reads a plate whose left end is the darker one, and mumbles at one the wrong way round."""

    name: str = "fake"
    digest: str = "r1"

    def read(self, crop: NDArray[Any]) -> PlateRead:
        third = crop.shape[1] // 3
        is_right = crop[:, :third, 0].mean() < crop[:, -third:, 0].mean()
        return PlateRead("AB12CDE", (0.97,) * 7) if is_right else PlateRead("3GS18A", (0.4,) * 6)


def sided(picture: NDArray[Any], x: int) -> NDArray[Any]:
    picture[200:220, x : x + 40, 0] = 20
    picture[200:220, x + 40 : x + 80, 0] = 200
    return picture


def detections(folder: Path, pictures: list[NDArray[Any]], channel: str) -> tuple[dict[str, Any], Path]:
    decoder = FakeDecoder(pictures, [200 * i for i in range(len(pictures))])
    write_json(folder / "ingest.json", {"sha256": "ab" * 32, "channel": channel, "container": {"duration_s": 1.0}})
    write_json(folder / "track.json", Track("none").to_json())
    paths = {"video": [folder / "a.mp4"], "ingest": [folder / "ingest.json"], "track": [folder / "track.json"]}
    settings = settings_of()
    for stage in (PreprocStage(decoder, FakeDetector()), HeavyStage(decoder, FakeDetector(), SidedReader())):
        out = folder / stage.kind
        out.mkdir(parents=True)
        stage(StageContext(TASK, paths, out, settings, lambda share, what: None))
        paths["preproc"] = [folder / "preproc" / "preproc.json"]
    return json.loads((out / "detections.json").read_bytes()), out


def settings_of() -> dict[str, Any]:
    from dashtools.config import DEFAULT_PROCESSING

    return DEFAULT_PROCESSING


@pytest.mark.parametrize("channel", ["rear", "unknown"])
def test_a_mirrored_clip_reads_as_the_clip_itself(tmp_path: Path, channel: str) -> None:
    pictures = [sided(scene(i, (Drawn(100 + 30 * i, 0),)), 100 + 30 * i) for i in range(5)]
    straight, _ = detections(tmp_path / "a", pictures, channel)
    turned, out = detections(tmp_path / "b", [np.ascontiguousarray(p[:, ::-1]) for p in pictures], channel)
    assert (straight["mirrored"], turned["mirrored"]) == (False, True)
    assert [t["plate"] for t in turned["tracks"]] == [t["plate"] for t in straight["tracks"]] == ["AB12CDE"]
    boxes = [read["box"] for read in turned["tracks"][0]["reads"]]
    assert boxes[0][0] == 640 - 180 and boxes[0][2] == 640 - 100  # boxes stay those of the picture as filmed
    crop = cv2.imread(str(out / turned["tracks"][0]["best"]["crop"]))
    assert crop[:, :20, 0].mean() < crop[:, -20:, 0].mean()  # the crop that is shown is the one that was read


def test_a_front_camera_is_never_turned_round(tmp_path: Path) -> None:
    pictures = [sided(scene(i, (Drawn(100 + 30 * i, 0),)), 100 + 30 * i) for i in range(5)]
    turned, _ = detections(tmp_path / "a", [np.ascontiguousarray(p[:, ::-1]) for p in pictures], "front")
    assert turned["mirrored"] is False


@pytest.mark.models
@pytest.mark.realdata
@pytest.mark.slow
def test_a_real_clip_turned_round_by_ffmpeg_gives_the_same_plates(realdata: Path, tmp_path: Path) -> None:
    from dashtools.backends.ffmpeg import find_ffmpeg
    from dashtools.bench.plates_run import our_clip
    from dashtools.devices.tools import build_tools

    tools = build_tools(settings_of())
    try:
        assert tools.detector and tools.reader
    except BackendUnavailable as error:
        pytest.skip(str(error))
    source, turned = realdata / "plate_tracks" / "rl_n3_0051.mp4", tmp_path / "turned.mp4"
    coded = ["-vf", "hflip", "-c:v", "libx264", "-crf", "12", str(turned)]
    subprocess.run([str(find_ffmpeg()), "-v", "error", "-i", str(source), *coded], check=True)
    found = [our_clip(tools, path, settings_of()).sightings for path in (source, turned)]
    assert [s.text for s in found[1]] == [s.text for s in found[0]] == ["B276WOW"]
