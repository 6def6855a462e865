"""FINALIZE: one clip in a page's worth of facts, bound to the digests of what it was made from."""

from __future__ import annotations

import time
from collections.abc import Iterable

from dashtools.errors import BadInput
from dashtools.files import sha256_of
from dashtools.model import Json, Output, StageResult
from dashtools.ports import StageContext
from dashtools.stages.canonical import read_json, write_json


class FinalizeStage:
    """Writes summary.json; BadInput when detections and manifest do not belong together."""

    task_type = "FINALIZE_VIDEO"
    kind = "final"

    def __call__(self, context: StageContext) -> StageResult:
        started = time.monotonic()
        manifest_path, detections_path = context.one("manifest"), context.one("detections")
        manifest, detections = read_json(manifest_path), read_json(detections_path)
        digests = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
        if digests.get("detections.json") != sha256_of(detections_path):
            raise BadInput(f"detections.json of {context.task.video_id} is not the one that its manifest names")
        tracks = detections["tracks"]
        plates = summarise(tracks)
        summary = {
            "schema": "summary/1",
            "video_id": context.task.video_id,
            "clip": manifest["clip"],
            "recorded_at": context.task.metadata.get("recorded_at"),
            "plates": plates,
            "counts": {
                "plates": len(plates),
                "sightings": sum(plate["sightings"] for plate in plates),
                "refused_tracks": sum(1 for track in tracks if not track.get("sighting_id")),
                "files": len(manifest["files"]),
                "size_bytes": sum(entry["size_bytes"] for entry in manifest["files"]),
            },
            "digests": {
                "original": manifest["original"]["sha256"],
                **manifest["chain"],
                "video_lowres": digests.get("video_lowres.mp4"),
                "manifest": sha256_of(manifest_path),
            },
        }
        write_json(context.out / "summary.json", summary)
        return StageResult(
            outputs=(Output("summary.json", "summary"),),
            metadata={**summary["counts"], "seconds": {"total": round(time.monotonic() - started, 3)}},
        )


def summarise(tracks: Iterable[Json]) -> list[Json]:
    """Each plate once, in order of its first appearance, with the best confidence of its sightings."""
    plates: dict[str, Json] = {}
    for track in tracks:
        if not track.get("sighting_id"):
            continue
        times = [read["pts_ms"] for read in track["reads"]]
        found = plates.setdefault(
            track["plate"],
            {"plate": track["plate"], "sightings": 0, "confidence": 0.0, "first_pts_ms": None, "last_pts_ms": None},
        )
        found["sightings"] += 1
        found["confidence"] = max(found["confidence"], track["confidence"])
        if times:
            found["first_pts_ms"] = min(times + [t for t in [found["first_pts_ms"]] if t is not None])
            found["last_pts_ms"] = max(times + [t for t in [found["last_pts_ms"]] if t is not None])
    return sorted(plates.values(), key=lambda plate: (plate["first_pts_ms"] or 0, plate["plate"]))
