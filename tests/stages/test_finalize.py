"""The summary belongs to one manifest."""

import dataclasses
import hashlib
import json

import pytest

from dashtools.backends.decode import PyavDecoder
from dashtools.backends.ffmpeg import FfmpegEncoder
from dashtools.errors import BadInput
from dashtools.stages.archive import ArchiveStage
from dashtools.stages.finalize import FinalizeStage, summarise


def finalized(archive_context, tmp_path, **changes):
    ArchiveStage(FfmpegEncoder(), PyavDecoder(threads=1))(archive_context)
    out = tmp_path / "final"
    out.mkdir()
    paths = {
        "manifest": [archive_context.out / "manifest.json"],
        "detections": [archive_context.out / "detections.json"],
    }
    FinalizeStage()(dataclasses.replace(archive_context, paths={**paths, **changes}, out=out))
    return json.loads((out / "summary.json").read_text())


def test_the_summary_counts_plates_and_chains_the_digests(archive_context, tmp_path):
    summary = finalized(archive_context, tmp_path)
    assert summary["plates"] == [
        {"plate": "AB12CDE", "sightings": 1, "confidence": 0.9, "first_pts_ms": 100, "last_pts_ms": 300}
    ]
    assert summary["counts"]["refused_tracks"] == 1
    digest = hashlib.sha256((archive_context.out / "manifest.json").read_bytes()).hexdigest()
    assert summary["digests"]["manifest"] == digest


def test_detections_of_another_clip_are_not_summed_up(archive_context, tmp_path):
    other = tmp_path / "detections.json"
    other.write_text('{"tracks": []}')
    with pytest.raises(BadInput, match="not the one that its manifest names"):
        finalized(archive_context, tmp_path, detections=[other])


def test_two_sightings_of_a_plate_are_one_plate():
    tracks = [
        {"sighting_id": "a", "plate": "X1", "confidence": 0.7, "reads": [{"pts_ms": 900}]},
        {"sighting_id": "b", "plate": "X1", "confidence": 0.8, "reads": [{"pts_ms": 100}]},
    ]
    assert summarise(tracks) == [
        {"plate": "X1", "sightings": 2, "confidence": 0.8, "first_pts_ms": 100, "last_pts_ms": 900}
    ]
