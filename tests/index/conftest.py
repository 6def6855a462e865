"""A small library of clips in a real spool, driven through claim and commit like a worker would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from dashtools.model import ChildTask, FileRef, Task, with_changes
from dashtools.spool.queue import Claim, Spool
from dashtools.times import to_text, utc_now

NEXT = {
    "INGEST_VIDEO": "PREPROCESS_VIDEO",
    "PREPROCESS_VIDEO": "HEAVY_PROCESS_VIDEO",
    "HEAVY_PROCESS_VIDEO": "ARCHIVE_VIDEO",
    "ARCHIVE_VIDEO": None,
}


class Library:
    """A spool with clips whose stages are played by hand."""

    def __init__(self, root: Path, db: Path) -> None:
        Spool.create(root)
        self.root, self.db = root, db
        self.spool = Spool.open(root)
        self.clips: dict[str, dict[str, Any]] = {}

    def add(self, name: str, **facts: Any) -> str:
        """Publishes a clip; gives its video id."""
        video_id = f"{name.rpartition('.')[0] or name}-0a1b2c3d"
        self.clips[video_id] = {"clip": name, "plates": ["AB12CDE"], "camera": "cam", "recorded_at": None, **facts}
        video = FileRef("footage", f"drive/{name}", "video", sha256="0" * 64, size_bytes=7)
        task = Task(
            f"root{name.encode().hex()}"[:60], "INGEST_VIDEO", video_id, inputs=(video,), metadata={"clip": name}
        )
        self.spool.publish(task)
        return video_id

    def work(self, steps: int = 1000, types: tuple[str, ...] = tuple(NEXT)) -> int:
        """Completes up to `steps` waiting tasks; gives how many."""
        scanner = self.spool.scanner(types, {})
        for done in range(steps):
            claim = self.spool.claim(scanner)
            if claim is None:
                return done
            self.finish(claim)
        return steps

    def finish(self, claim: Claim, *, fails: str | None = None) -> None:
        """Commits a claim with the outputs, rows and child of its stage."""
        task = claim.task
        rows, outputs = stage_rows(task, self.clips[task.video_id], fails)
        child_type = None if fails else NEXT[task.task_type]
        children = [] if child_type is None else [ChildTask(child_type, metadata=task.metadata)]
        final = with_changes(
            task,
            state="complete",
            completed_at=to_text(utc_now()),
            outputs=tuple(outputs),
            error={"class": "BadInput", "message": fails} if fails else None,
        )
        lines = b"".join(orjson.dumps(row) + b"\n" for row in rows)
        self.spool.commit(claim, final, children=children, rows=lines)

    def claim(self, types: tuple[str, ...] = tuple(NEXT)) -> Claim:
        claim = self.spool.claim(self.spool.scanner(types, {}))
        assert claim is not None
        return claim

    def requeue(self, task_type: str, video_id: str) -> None:
        """Brings one completed task back."""
        for entry in self.spool.completed(task_type):
            if self.spool.load(entry).video_id == video_id:
                assert self.spool.requeue(entry) is not None


def stage_rows(task: Task, facts: dict[str, Any], fails: str | None) -> tuple[list[dict[str, Any]], list[FileRef]]:
    """What a stage would leave for this task: rows and outputs, different in every generation."""
    if fails:
        return [], []
    video_id, folder = task.video_id, f"{task.video_id}/{task.task_id}.a{task.attempt:02d}"
    if task.task_type == "INGEST_VIDEO":
        return ingest_rows(video_id, facts), [FileRef("indoor_nas", f"ingest/{folder}/ingest.json", "ingest")]
    if task.task_type == "PREPROCESS_VIDEO":
        row = {
            "table": "filtering",
            "video_id": video_id,
            "frames_total": 100,
            "frames_kept": 10,
            "dropped": {"still": 90},
        }
        return [row], [FileRef("indoor_nas", f"preproc/{folder}/preproc.json", "preproc")]
    sightings = [f"{video_id}.t{number:03d}" for number in range(len(facts["plates"]))]
    if task.task_type == "HEAVY_PROCESS_VIDEO":
        pairs = zip(sightings, facts["plates"])
        rows = [row for sighting_id, plate in pairs for row in sighting_rows(video_id, sighting_id, plate, facts)]
        crops = [FileRef("indoor_nas", f"heavy_output/{folder}/plate_crops/{s}.png", "plate_crop") for s in sightings]
        return rows, crops
    paths = {s: f"archive/{folder}/plates/{s}_best_crop.jpg" for s in sightings}
    rows = [{"table": "crops", "sighting_id": s, "path": path} for s, path in paths.items()]
    lowres = f"archive/{folder}/video_lowres.mp4"
    rows.append({"table": "lowres", "video_id": video_id, "path": lowres, "height": 720})
    outputs = [FileRef("shed_nas", path, "plate_crop") for path in paths.values()]
    return rows, [*outputs, FileRef("shed_nas", lowres, "video_lowres")]


def ingest_rows(video_id: str, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a clip of ten seconds that drives north."""
    video = {
        "table": "videos",
        "video_id": video_id,
        "clip": facts["clip"],
        "storage": "footage",
        "path": f"{facts.get('folder', 'drive')}/{facts['clip']}",
        "duration_ms": facts.get("duration_ms", 10_000),
        "width": 1920,
        "height": 1080,
        "camera": facts["camera"],
        "channel": facts.get("channel", "front"),
        "is_event": False,
        "recorded_at": facts["recorded_at"],
        "a_column_of_the_future": 1,
    }
    fixes = [
        {"table": "fixes", "video_id": video_id, "slot": n, "t_ms": 1000 * n, "is_valid": True}
        | {"latitude": 52.0 + n * 1e-4, "longitude": 20.0, "speed_mps": 11.0, "bearing_deg": 0.0}
        for n in range(10)
    ]
    return [video, *fixes, {"table": "table_of_the_future", "x": 1}]


def sighting_rows(video_id: str, sighting_id: str, plate: str, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of one sighting with two reads."""
    span = {"first_pts_ms": 2000, "last_pts_ms": 4000, "first_frame": 60, "last_frame": 120}
    track = {"table": "tracks", "track_id": sighting_id, "video_id": video_id, "sighting_id": sighting_id}
    sighting = {"table": "sightings", "sighting_id": sighting_id, "video_id": video_id, "clip": facts["clip"]}
    votes = [{"char": char, "weight": 1.9, "alternatives": {}} for char in plate]
    where = {"latitude": 52.0002, "longitude": 20.0, "bearing_deg": 0.0, "speed_mps": 11.0, "position_note": None}
    where |= facts.get("where", {})
    read = {"table": "reads", "track_id": sighting_id, "sighting_id": sighting_id, "text": plate, "score": 0.8}
    box = {"x1": 10.0, "y1": 20.0, "x2": 110.0, "y2": 45.5}
    return [
        {**track, "status": "sighting", "text": plate, "confidence": 0.9, "read_count": 2, **span},
        {
            **sighting,
            "plate": plate,
            "confidence": 0.9,
            "read_count": 2,
            **span,
            "best_pts_ms": 3000,
            **where,
            "why": votes,
        },
        {**read, "frame_index": 60, "pts_ms": 2000, "confidence": 0.9, **box},
        {**read, "frame_index": 90, "pts_ms": 3000, "confidence": 0.95, **box},
    ]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "spool", tmp_path / "local" / "index.db")
