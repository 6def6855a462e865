"""HEAVY: every plate of a clip found, read, voted on and placed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from typing import Any

from dashtools.model import OUT, ChildTask, FileRef, Json, Output, StageResult, Task, Track
from dashtools.ports import Decoder, Detector, PlateReader, StageContext
from dashtools.stages.canonical import compact, read_json, write_json
from dashtools.stages.examine import Examined, Examiner, at_frames, chosen_frames
from dashtools.stages.gps_align import Locator
from dashtools.stages.mirror import Orientation
from dashtools.stages.verdicts import Verdict, box_json, track_json, verdicts, votes_json


class HeavyStage:
    """Reads the frames that preproc kept; writes detections.json, plate_crops/ and frames/."""

    task_type = "HEAVY_PROCESS_VIDEO"
    kind = "heavy_output"

    def __init__(self, decoder: Decoder, detector: Detector, reader: PlateReader) -> None:
        self.decoder = decoder
        self.detector = detector
        self.reader = reader

    def __call__(self, context: StageContext) -> StageResult:
        started = time.monotonic()
        preproc = read_json(context.one("preproc"))
        examiner = self._examine(context, preproc)
        found = examiner.found
        tracks, scraps = verdicts(
            context.task.video_id, found.linker.tracklets(), found.crops, _locator(context), context.settings
        )
        outputs = _write_pictures(context, found, tracks)
        counts = _counts(found, tracks, scraps)
        write_json(context.out / "detections.json", self._document(context.task, examiner, tracks, counts))
        seconds = {name: round(value, 3) for name, value in found.seconds.items()}
        seconds["total"] = round(time.monotonic() - started, 3)
        return StageResult(
            outputs=(Output("detections.json", "detections"), *outputs),
            children=(_child(context.task, outputs, counts),),
            rows=tuple(_rows(context.task, tracks)),
            metadata={**counts, "seconds": seconds, "provider": getattr(self.detector, "provider", "unknown")},
        )

    def _examine(self, context: StageContext, preproc: Json) -> Examiner:
        """Looks through the clip, and from its start again once its plates say that it is mirrored."""
        channel = read_json(context.one("ingest")).get("channel")
        examiner = self._pass(context, preproc, None if channel == "front" else Orientation(), is_mirrored=False)
        if examiner.orientation is not None and examiner.orientation.is_mirrored:
            shutil.rmtree(context.out / "stills", ignore_errors=True)
            examiner = self._pass(context, preproc, None, is_mirrored=True)
        return examiner

    def _pass(
        self, context: StageContext, preproc: Json, orientation: Orientation | None, *, is_mirrored: bool
    ) -> Examiner:
        """One look through the clip; it ends early where the clip turns out to be mirrored."""
        settings = context.settings
        examiner = Examiner(
            self.detector,
            self.reader,
            context.out,
            min_score=float(settings["min_score"]),
            crops_per_track=int(settings["crops_per_track"]),
            reuse=preproc["proposer"]["digest"] == self.detector.digest,
            orientation=orientation,
            is_mirrored=is_mirrored,
        )
        wanted = {entry["frame_index"]: entry for entry in chosen_frames(preproc["kept"])}
        examiner.found.frames_skipped = len(preproc["kept"]) - len(wanted)
        frames = self.decoder.frames(context.one("video"))
        for done, (frame, entry) in enumerate(at_frames(frames, wanted), 1):
            examiner.look(frame, entry)
            context.progress(done / len(wanted), "heavy")
            if orientation is not None and not orientation.is_open and orientation.is_mirrored:
                break
        return examiner

    def _document(self, task: Task, examiner: Examiner, tracks: list[Verdict], counts: Json) -> Json:
        return {
            "schema": "detections/1",
            "video_id": task.video_id,
            "clip": task.metadata.get("clip"),
            "models": {
                "detector": {"name": self.detector.name, "digest": self.detector.digest},
                "reader": {"name": self.reader.name, "digest": self.reader.digest},
            },
            "mirrored": examiner.is_mirrored,
            "frames_examined": counts["frames_examined"],
            "detections": counts["detections"],
            "tracks": [track_json(verdict) for verdict in tracks],
            "counts": counts,
        }


def _locator(context: StageContext) -> Locator:
    settings: Mapping[str, Any] = context.settings
    return Locator(
        Track.from_json(read_json(context.one("track"))),
        offset_ms=int(settings["gps_offset_ms"]),
        tolerance_ms=int(settings["gps_alignment_tolerance_ms"]),
        gap_max_s=float(settings["max_interp_gap_s"]),
    )


def _write_pictures(context: StageContext, found: Examined, tracks: list[Verdict]) -> list[Output]:
    """The crop that was read and its whole frame, for each sighting; nothing else stays."""
    outputs: list[Output] = []
    for verdict in (v for v in tracks if v.reason is None):
        best = verdict.best
        for name in (verdict.crop, verdict.still):
            (context.out / name).parent.mkdir(parents=True, exist_ok=True)
        (context.out / verdict.crop).write_bytes(found.crops[best.key])
        shutil.copyfile(found.stills[best.frame_index], context.out / verdict.still)
        outputs += [Output(verdict.crop, "plate_crop"), Output(verdict.still, "best_frame")]
    shutil.rmtree(context.out / "stills", ignore_errors=True)
    return outputs


def _counts(found: Examined, tracks: list[Verdict], scraps: int) -> Json:
    return {
        "frames_examined": found.frames_examined,
        "frames_skipped": found.frames_skipped,
        "detections": found.detections,
        "boxes_too_small": found.unreadable,
        "crops_read": found.reads,
        "boxes_without_plate": scraps,
        "sightings": sum(v.reason is None for v in tracks),
        "refused": sum(v.reason is not None for v in tracks),
    }


def _child(task: Task, outputs: list[Output], counts: Json) -> ChildTask:
    onward = tuple(FileRef(OUT, output.path, output.type) for output in outputs)
    passed_on = tuple(r for r in task.inputs if r.type in ("video", "ingest", "track", "preproc"))
    thumbs = tuple(r for r in task.inputs if r.type == "thumbnail")
    return ChildTask(
        "ARCHIVE_VIDEO",
        inputs=(*passed_on, FileRef(OUT, "detections.json", "detections"), *onward, *thumbs),
        metadata={**task.metadata, "sightings": counts["sightings"]},
    )


def _rows(task: Task, tracks: list[Verdict]) -> list[Json]:
    """Rows for tracks, sightings and reads."""
    rows: list[Json] = []
    for verdict in tracks:
        rows.append(_track_row(task, verdict))
        if verdict.reason is None:
            rows.append(_sighting_row(task, verdict))
        rows += _read_rows(verdict)
    return rows


def _span(verdict: Verdict) -> Json:
    first, last = verdict.group.sights[0], verdict.group.sights[-1]
    return {
        "first_pts_ms": first.pts_ms,
        "last_pts_ms": last.pts_ms,
        "first_frame": first.frame_index,
        "last_frame": last.frame_index,
        "confidence": verdict.voted.confidence,
        "read_count": len(verdict.group.ballots),
    }


def _track_row(task: Task, verdict: Verdict) -> Json:
    return {
        "table": "tracks",
        "track_id": verdict.track_id,
        "video_id": task.video_id,
        "sighting_id": verdict.sighting_id,
        "status": "sighting" if verdict.reason is None else "refused",
        "reason": verdict.reason,
        "text": verdict.voted.text,
        **_span(verdict),
    }


def _sighting_row(task: Task, verdict: Verdict) -> Json:
    place = verdict.positions["best"]
    return {
        "table": "sightings",
        "sighting_id": verdict.sighting_id,
        "video_id": task.video_id,
        "clip": task.metadata.get("clip"),
        "plate": verdict.voted.text,
        **_span(verdict),
        "best_pts_ms": verdict.best.pts_ms,
        "best_frame": verdict.best.frame_index,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "bearing_deg": place.bearing_deg,
        "speed_mps": place.speed_mps,
        "position_note": place.reason,
        "why": compact(votes_json(verdict.voted)),
    }


def _read_rows(verdict: Verdict) -> list[Json]:
    rows = []
    for sight in verdict.group.sights:
        if sight.reading is None:
            continue
        x1, y1, x2, y2 = box_json(sight)
        rows.append(
            {
                "table": "reads",
                "track_id": verdict.track_id,
                "sighting_id": verdict.sighting_id,
                "frame_index": sight.frame_index,
                "pts_ms": sight.pts_ms,
                **{"x1": x1, "y1": y1, "x2": x2, "y2": y2},
                "score": round(sight.score, 4),
                "text": sight.reading.text,
                "confidence": round(sight.reading.confidence, 4),
            }
        )
    return rows
