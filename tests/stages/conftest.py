"""An ARCHIVE task as heavy would publish it."""

import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import orjson
import pytest

from dashtools.backends.ffmpeg import find_ffmpeg
from dashtools.model import FileRef, Task
from dashtools.ports import StageContext

sys.path.insert(0, str(Path(__file__).parent))  # for seeing_fakes: importlib mode adds no folder

SIGHTING = "drive-12345678.t001"


@pytest.fixture(scope="session")
def archive_clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "drive.mp4"
    lavfi = ["-f", "lavfi", "-i", "testsrc2=d=1:r=10:s=320x240"]
    subprocess.run([str(find_ffmpeg()), "-v", "error", *lavfi, "-c:v", "libx264", str(path)], check=True)
    return path


@pytest.fixture
def archive_context(tmp_path, archive_clip):
    """An ARCHIVE task with one sighting, one refused track and three fixes, one of them void."""
    inputs = tmp_path / "in"
    (inputs / "plate_crops").mkdir(parents=True)
    picture = np.random.default_rng(1).integers(0, 255, (30, 90, 3), np.uint8)
    cv2.imwrite(str(inputs / "plate_crops" / f"{SIGHTING}.png"), picture)
    cv2.imwrite(str(inputs / "best.jpg"), picture)
    cv2.imwrite(str(inputs / "000005.jpg"), picture)
    reads = [{"pts_ms": 100, "frame_index": 1}, {"pts_ms": 300, "frame_index": 3}]
    tracks = [
        {"track_id": SIGHTING, "sighting_id": SIGHTING, "plate": "AB12CDE", "confidence": 0.9, "reads": reads},
        {"track_id": "drive-12345678.t002", "sighting_id": None, "plate": None, "confidence": 0.1, "reads": reads[:1]},
    ]
    fixes = [
        {"t_ms": 0, "is_valid": True, "latitude": 52.25, "longitude": 20.5, "utc": "2024-01-15T14:25:00Z"},
        {"t_ms": 500, "is_valid": False},
        {"t_ms": 900, "is_valid": True, "latitude": 52.26, "longitude": 20.5},
    ]
    sha256 = hashlib.sha256(archive_clip.read_bytes()).hexdigest()
    documents = {
        "ingest": {"schema": "ingest/1", "sha256": sha256, "recorded_at": "2024-01-15T14:25:00Z"},
        "track": {"schema": "track/1", "reader": "novatek", "version": "1", "note": None, "fixes": fixes},
        "preproc": {"schema": "preproc/1"},
        "detections": {"schema": "detections/1", "tracks": tracks},
    }
    for kind, content in documents.items():
        (inputs / f"{kind}.json").write_bytes(orjson.dumps(content))
    out = tmp_path / "out"
    out.mkdir()
    refs = (FileRef("clips", "drive.mp4", "video", sha256=sha256),)
    task = Task("t1", "ARCHIVE_VIDEO", "drive-12345678", inputs=refs, metadata={"clip": "drive.mp4", "keep": 1})
    paths = {kind: [inputs / f"{kind}.json"] for kind in documents}
    paths |= {"video": [archive_clip], "plate_crop": [inputs / "plate_crops" / f"{SIGHTING}.png"]}
    paths |= {"thumbnail": [inputs / "000005.jpg"], "best_frame": [inputs / "best.jpg"]}
    return StageContext(task, paths, out, {"archive_height": 120}, lambda share, what: None)
