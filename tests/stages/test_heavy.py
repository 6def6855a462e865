"""PREPROCESS and HEAVY on clips of known content, with a detector and a reader of known answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from seeing_fakes import Drawn, FakeDecoder, FakeDetector, FakeReader, scene

from dashtools.model import OUT, FileRef, Fix, StageResult, Task, Track
from dashtools.ports import StageContext
from dashtools.stages.canonical import write_json
from dashtools.stages.heavy import HeavyStage
from dashtools.stages.preproc import PreprocStage

SETTINGS: dict[str, Any] = {
    "frame_extraction_resolution": "640x480",
    "motion_threshold": 0.15,
    "min_plate_confidence": 0.6,
    "sample_fps": 5,
    "min_score": 0.25,
    "proposal_min_score": 0.1,
    "gps_alignment_tolerance_ms": 200,
    "gps_offset_ms": 0,
    "max_interp_gap_s": 3,
    "thumbnail_width": 160,
    "audit_share": 0.0,
    "crops_per_track": 12,
}
REFS = tuple(FileRef("indoor_nas", f"x/{kind}", kind) for kind in ("video", "ingest", "track"))
TASK = Task("t1", "PREPROCESS_VIDEO", "drive-01234567", inputs=REFS, metadata={"clip": "drive.mp4", "keep": 1})
TRACK = Track("novatek", (Fix(0, True, 52.0, 20.0, 10.0, 90.0), Fix(1000, True, 52.1, 20.0, 10.0, 90.0)))


class Drive:
    """Both stages run one after the other in a folder."""

    def __init__(self, folder: Path, pictures: list[Any], texts: dict[int, tuple[str, float]], **options: Any) -> None:
        self.folder = folder
        self.decoder = FakeDecoder(pictures, [200 * i for i in range(len(pictures))])
        self.decoder.lost_frames = options.get("lost_frames", 0)
        self.detector = options.get("detector") or FakeDetector()
        self.proposer = options.get("proposer") or FakeDetector(digest="p1")
        self.reader = FakeReader(texts)
        self.settings = {**SETTINGS, **options.get("settings", {})}
        self.track = options.get("track", TRACK)
        folder.mkdir(exist_ok=True)
        write_json(folder / "ingest.json", {"sha256": "ab" * 32, "container": {"duration_s": 1.0}})
        write_json(folder / "track.json", self.track.to_json())
        self.preproc = self._stage(PreprocStage(self.decoder, self.proposer), "preproc", {})
        extra = {"preproc": [folder / "preproc" / "preproc.json"]}
        self.heavy = self._stage(HeavyStage(self.decoder, self.detector, self.reader), "heavy", extra)
        self.document = json.loads((folder / "heavy" / "detections.json").read_bytes())

    def _stage(self, stage: Any, name: str, extra: dict[str, list[Path]]) -> StageResult:
        out = self.folder / name
        out.mkdir()
        paths = {kind: [self.folder / f"{kind}.json"] for kind in ("ingest", "track")}
        paths |= {"video": [self.folder / "drive.mp4"], **extra}
        return stage(StageContext(TASK, paths, out, self.settings, lambda share, what: None))

    def rows(self, table: str) -> list[dict[str, Any]]:
        return [row for row in self.heavy.rows if row["table"] == table]


def passing(code: int = 50, count: int = 5) -> list[Any]:
    """A plate that crosses the picture."""
    return [scene(i, (Drawn(100 + 30 * i, code),)) for i in range(count)]


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    return Drive(tmp_path / "a", passing(), {50: ("AB12CDE", 0.95)})


def test_a_plate_that_passes_is_one_sighting(drive: Drive) -> None:
    (sighting,) = drive.rows("sightings")
    assert sighting["plate"] == "AB12CDE" and sighting["clip"] == "drive.mp4"
    assert (sighting["first_frame"], sighting["last_frame"]) == (0, 4)
    assert (sighting["first_pts_ms"], sighting["last_pts_ms"]) == (0, 800)
    assert len(drive.rows("reads")) == 5 and {r["sighting_id"] for r in drive.rows("reads")} == {"drive-01234567.t001"}


def test_the_sighting_has_the_position_of_its_best_frame(drive: Drive) -> None:
    (sighting,) = drive.rows("sightings")
    assert sighting["latitude"] == pytest.approx(52.0 + 0.1 * sighting["best_pts_ms"] / 1000)
    assert sighting["position_note"] is None


def test_without_a_fix_the_position_is_null_with_the_reason(tmp_path: Path) -> None:
    void = Track("blackvue", (Fix(0, False),))
    (sighting,) = Drive(tmp_path / "a", passing(), {50: ("AB12CDE", 0.95)}, track=void).rows("sightings")
    assert sighting["latitude"] is None and sighting["position_note"] == "the receiver never had a fix"


def test_the_crop_shown_is_the_crop_that_was_read(drive: Drive) -> None:
    best = drive.document["tracks"][0]["best"]
    crop = cv2.imread(str(drive.folder / "heavy" / best["crop"]))
    frame = cv2.imread(str(drive.folder / "heavy" / best["frame"]))
    x1, y1, x2, y2 = best["box"]
    assert x2 - x1 <= crop.shape[1] <= (x2 - x1) * 1.06 + 2
    assert frame.shape == (360, 640, 3) and drive.reader.read(crop).text == "AB12CDE"


def test_every_file_left_behind_is_an_output(drive: Drive) -> None:
    for result, name in ((drive.preproc, "preproc"), (drive.heavy, "heavy")):
        root = drive.folder / name
        found = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
        assert found == {output.path for output in result.outputs}


def test_children_carry_inputs_and_metadata_on(drive: Drive) -> None:
    (heavy,), (archive,) = drive.preproc.children, drive.heavy.children
    assert heavy.task_type == "HEAVY_PROCESS_VIDEO" and heavy.metadata["keep"] == 1
    assert [ref.type for ref in heavy.inputs][:4] == ["video", "ingest", "track", "preproc"]
    kinds = [ref.type for ref in archive.inputs if ref.device == OUT]
    assert archive.task_type == "ARCHIVE_VIDEO" and kinds == ["detections", "plate_crop", "best_frame"]


def test_the_same_input_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    texts = {50: ("AB12CDE", 0.95)}
    trees = []
    for name in ("a", "b"):
        folder = Drive(tmp_path / name, passing(), texts, settings={"audit_share": 0.3}).folder
        trees.append({str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert trees[0] == trees[1]


def test_a_refused_track_is_kept_with_its_reason_and_is_no_sighting(tmp_path: Path) -> None:
    drive = Drive(tmp_path / "a", passing(), {50: ("TOYOTA", 0.99)})
    assert not drive.rows("sightings") and drive.rows("tracks")[0]["reason"] == "a word: only letters"
    assert not list((drive.folder / "heavy").glob("plate_crops/*"))


def test_two_plates_at_once_are_two_sightings(tmp_path: Path) -> None:
    pictures = [scene(i, (Drawn(60 + 20 * i, 50), Drawn(400 + 20 * i, 60))) for i in range(4)]
    drive = Drive(tmp_path / "a", pictures, {50: ("AB12CDE", 0.95), 60: ("XY99ZZZ", 0.95)})
    assert {row["plate"] for row in drive.rows("sightings")} == {"AB12CDE", "XY99ZZZ"}


def test_frames_without_any_proposal_are_mostly_skipped_but_not_all(tmp_path: Path) -> None:
    drive = Drive(tmp_path / "a", [scene(i) for i in range(20)], {})
    assert drive.document["counts"]["frames_examined"] == 4 == drive.detector.calls
    assert drive.document["counts"]["frames_skipped"] == 16


def test_a_blind_proposer_costs_frames_and_not_the_plate(tmp_path: Path) -> None:
    blind = FakeDetector(digest="p1", score=0.0)
    drive = Drive(tmp_path / "a", passing(count=6), {50: ("AB12CDE", 0.95)}, proposer=blind)
    assert [row["plate"] for row in drive.rows("sightings")] == ["AB12CDE"]


def test_a_proposal_of_the_same_model_is_not_worked_out_twice(tmp_path: Path) -> None:
    drive = Drive(tmp_path / "a", passing(), {50: ("AB12CDE", 0.95)}, proposer=FakeDetector())
    assert drive.detector.calls == 0 and drive.rows("sightings")


def test_a_plate_seen_for_long_is_not_read_in_every_frame(tmp_path: Path) -> None:
    pictures = [scene(i, (Drawn(200, 50),)) for i in range(30)]
    drive = Drive(tmp_path / "a", pictures, {50: ("AB12CDE", 0.95)}, settings={"crops_per_track": 3})
    assert drive.document["counts"]["crops_read"] == 3 and drive.rows("sightings")[0]["last_frame"] == 29


def test_preproc_lists_what_was_kept_and_why_the_rest_was_not(tmp_path: Path) -> None:
    drive = Drive(tmp_path / "a", [scene(1)] * 5 + passing(), {50: ("AB12CDE", 0.95)})
    document = json.loads((drive.folder / "preproc" / "preproc.json").read_bytes())
    assert document["dropped"] == {"duplicate": [[1, 4]]} and document["frames_total"] == 10
    assert [entry["frame_index"] for entry in document["kept"]] == [0, 5, 6, 7, 8, 9]
    row = drive.preproc.rows[0]
    assert (row["table"], row["frames_kept"], row["dropped"]) == ("filtering", 6, '{"duplicate":4}')


def test_thumbnails_show_the_frames_with_proposals(tmp_path: Path) -> None:
    drive = Drive(tmp_path / "a", [scene(9)] + passing(), {50: ("AB12CDE", 0.95)})
    (thumb,) = (drive.folder / "preproc" / "thumbs").glob("*.jpg")
    assert cv2.imread(str(thumb)).shape == (90, 160, 3) and int(thumb.stem) > 0


def test_a_clip_without_plates_gives_an_empty_document(tmp_path: Path) -> None:
    drive = Drive(tmp_path / "a", [np.full((360, 640, 3), 90, np.uint8)] * 3, {})
    assert drive.document["tracks"] == [] and not drive.rows("tracks")


@pytest.mark.models
@pytest.mark.realdata
def test_a_real_clip_gives_its_plate_and_the_same_bytes_twice(tmp_path: Path, realdata: Path) -> None:
    from dashtools.devices.tools import build_tools
    from dashtools.errors import BackendUnavailable

    tools = build_tools({})
    try:
        tools.detector, tools.proposer, tools.reader  # noqa: B018
    except BackendUnavailable as error:
        pytest.skip(str(error))
    clip, trees = realdata / "plate_tracks" / "rl_n3_0051.mp4", []
    for name in ("a", "b"):
        folder = tmp_path / name
        for part in ("preproc", "heavy"):
            (folder / part).mkdir(parents=True)
        write_json(folder / "ingest.json", {"sha256": "ab" * 32, "container": {"duration_s": 7.0}})
        write_json(folder / "track.json", TRACK.to_json())
        paths = {"video": [clip], "ingest": [folder / "ingest.json"], "track": [folder / "track.json"]}
        first = StageContext(TASK, paths, folder / "preproc", SETTINGS, lambda share, what: None)
        PreprocStage(tools.decoder, tools.proposer)(first)
        paths = {**paths, "preproc": [folder / "preproc" / "preproc.json"]}
        second = StageContext(TASK, paths, folder / "heavy", SETTINGS, lambda share, what: None)
        result = HeavyStage(tools.decoder, tools.detector, tools.reader)(second)
        assert [row["plate"] for row in result.rows if row["table"] == "sightings"] == ["B276WOW"]
        trees.append({str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert trees[0] == trees[1]


def test_frames_that_could_not_be_decoded_are_counted(tmp_path: Path) -> None:
    drive = Drive(tmp_path / "a", passing(), {50: ("AB12CDE", 0.95)}, lost_frames=3)
    assert [row["lost_frames"] for row in drive.preproc.rows] == [3]
