"""What the five stages write, one after another on one clip, is what the schemas promise."""

import dataclasses
import hashlib
import json

import pytest

from dashtools import schemas
from dashtools.backends.decode import PyavDecoder
from dashtools.backends.ffmpeg import FfmpegEncoder
from dashtools.backends.gps import readers
from dashtools.backends.mp4 import check_container
from dashtools.config import DEFAULT_PROCESSING
from dashtools.model import OUT, Detection, FileRef, PlateRead, Task
from dashtools.ports import StageContext
from dashtools.stages.archive import ArchiveStage
from dashtools.stages.finalize import FinalizeStage
from dashtools.stages.heavy import HeavyStage
from dashtools.stages.ingest import IngestStage
from dashtools.stages.preproc import PreprocStage


class OnePlate:
    """Finds and reads the same plate in every picture."""

    name, digest = "one-plate", "0" * 64

    def detect(self, picture, min_score):
        height, width = picture.shape[:2]
        return [Detection(width * 0.3, height * 0.5, width * 0.7, height * 0.65, 0.9)]

    def read(self, crop):
        return PlateRead("AB12CDE", (0.95,) * 7)


@pytest.fixture(scope="module")
def chain(archive_clip, tmp_path_factory):
    """The output folder of each stage."""
    decoder, plate = PyavDecoder(threads=1), OnePlate()
    stages = [
        IngestStage(decoder, readers(), check_container),
        PreprocStage(decoder, plate),
        HeavyStage(decoder, plate, plate),
        ArchiveStage(FfmpegEncoder(), decoder),
        FinalizeStage(),
    ]
    sha256 = hashlib.sha256(archive_clip.read_bytes()).hexdigest()
    video = FileRef("clips", archive_clip.name, "video", sha256=sha256, size_bytes=archive_clip.stat().st_size)
    task = Task("t0", "INGEST_VIDEO", "drive-12345678", inputs=(video,), metadata={"clip": archive_clip.name})
    places = {("clips", archive_clip.name): archive_clip}
    folders = {}
    for stage in stages:
        assert task.task_type == stage.task_type
        out = folders[stage.kind] = tmp_path_factory.mktemp(stage.kind)
        paths = {}
        for ref in task.inputs:
            paths.setdefault(ref.type, []).append(places[ref.device, ref.path])
        result = stage(StageContext(task, paths, out, DEFAULT_PROCESSING, lambda share, what: None))
        for output in result.outputs:
            places[stage.kind, output.path] = out / output.path
        for child in result.children:
            inputs = tuple(dataclasses.replace(r, device=stage.kind) if r.device == OUT else r for r in child.inputs)
            task = Task("t1", child.task_type, task.video_id, inputs=inputs, metadata=child.metadata)
    return folders


DOCUMENTS = [
    ("ingest", "ingest.json", "ingest"),
    ("ingest", "track.json", "track"),
    ("preproc", "preproc.json", "preproc"),
    ("heavy_output", "detections.json", "detections"),
    ("archive", "detections.json", "detections"),
    ("archive", "manifest.json", "manifest"),
    ("final", "summary.json", "summary"),
]


@pytest.mark.parametrize("kind,path,name", DOCUMENTS, ids=[f"{row[0]}/{row[1]}" for row in DOCUMENTS])
def test_each_document_is_as_its_schema_says(chain, kind, path, name):
    assert schemas.problems(name, json.loads((chain[kind] / path).read_text())) == []


def test_the_one_plate_goes_all_the_way_to_the_summary(chain):
    summary = json.loads((chain["final"] / "summary.json").read_text())
    assert [plate["plate"] for plate in summary["plates"]] == ["AB12CDE"]
    assert len(list((chain["archive"] / "plates").iterdir())) == 1
