"""PREPROCESS: frames worth a closer look, where plates may be in them, and why the others were dropped."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from dashtools.model import OUT, ChildTask, FileRef, Json, Output, StageResult, Task, Track
from dashtools.ports import Damage, Decoder, Detector, StageContext
from dashtools.stages.canonical import compact, read_json, write_json
from dashtools.stages.selection import Choice, Rules, Selection
from dashtools.stages.thumbs import Thumbs

_PROPOSALS_MAX = 40  # a frame; more than this is noise, and the file must stay small
_THUMBS_ONWARD = 5


class PreprocStage:
    """Reads a clip once and writes preproc.json and thumbs/."""

    task_type = "PREPROCESS_VIDEO"
    kind = "preproc"

    def __init__(self, decoder: Decoder, proposer: Detector) -> None:
        self.decoder = decoder
        self.proposer = proposer

    def __call__(self, context: StageContext) -> StageResult:
        started, settings = time.monotonic(), context.settings
        clip, ingest = context.one("video"), read_json(context.one("ingest"))
        damage, thumbs = Damage(), Thumbs(int(settings["thumbnail_width"]))
        selection = Selection(_rules(settings, ingest, _track(context)))
        duration_ms = 1000 * (ingest.get("container", {}).get("duration_s") or 0)
        kept: list[Json] = []
        proposer_s = 0.0
        for choice in selection.choose(self.decoder.frames(clip, damage)):
            before = time.monotonic()
            entry = self._kept(choice, float(settings["proposal_min_score"]))
            proposer_s += time.monotonic() - before
            thumbs.offer(choice.frame_index, choice.pts_ms, choice.picture, _rank(choice, entry))
            kept.append(entry)
            if duration_ms:
                context.progress(min(1.0, choice.pts_ms / duration_ms), "preproc")
        kept.sort(key=lambda entry: entry["frame_index"])
        paths = thumbs.write(context.out)
        for entry in kept:
            if entry["frame_index"] in paths:
                entry["thumb"] = paths[entry["frame_index"]]
        write_json(context.out / "preproc.json", self._document(selection, kept, damage))
        seconds = {"total": round(time.monotonic() - started, 3), "proposer": round(proposer_s, 3)}
        return _result(context.task, selection, damage, kept, list(paths.values()), seconds)

    def _kept(self, choice: Choice, min_score: float) -> Json:
        found = self.proposer.detect(choice.picture, min_score)[:_PROPOSALS_MAX]
        entry: Json = {
            "frame_index": choice.frame_index,
            "pts_ms": choice.pts_ms,
            "reason": choice.reason,
            "motion": choice.motion,
            "sharpness": choice.sharpness,
            "brightness": choice.brightness,
            "proposals": [{"box": [d.x1, d.y1, d.x2, d.y2], "score": d.score} for d in found],
        }
        if choice.instead_of:
            entry["instead_of"] = choice.instead_of
        return entry

    def _document(self, selection: Selection, kept: list[Json], damage: Damage) -> Json:
        return {
            "schema": "preproc/1",
            "frames_total": selection.frames_total,
            "frames_kept": len(kept),
            "kept": kept,
            "dropped": selection.ledger.runs(),
            "damage": {
                "corrupt_frames": damage.corrupt_frames,
                "decode_errors": damage.decode_errors,
                "lost_frames": damage.lost_frames,
                "messages": damage.messages,
            },
            "proposer": {"name": self.proposer.name, "digest": self.proposer.digest},
        }


def _track(context: StageContext) -> Track:
    return Track.from_json(read_json(context.one("track"))) if context.paths.get("track") else Track("none")


def _rules(settings: Mapping[str, Any], ingest: Json, track: Track) -> Rules:
    return Rules(
        sample_fps=float(settings["sample_fps"]),
        motion_threshold=float(settings["motion_threshold"]),
        audit_share=float(settings["audit_share"]),
        audit_seed=str(ingest["sha256"]),
        detail_width_px=int(str(settings["frame_extraction_resolution"]).split("x")[0]),
        is_withheld=track.is_withheld,
    )


def _rank(choice: Choice, entry: Json) -> tuple[float, float]:
    """Plates first, then sharpness."""
    best = max((proposal["score"] for proposal in entry["proposals"]), default=0.0)
    return best, choice.sharpness


def _result(
    task: Task, selection: Selection, damage: Damage, kept: list[Json], thumbs: list[str], seconds: Json
) -> StageResult:
    counts = selection.ledger.counts()
    onward = tuple(FileRef(OUT, path, "thumbnail") for path in thumbs[:_THUMBS_ONWARD])
    passed_on = tuple(ref for ref in task.inputs if ref.type in ("video", "ingest", "track"))
    child = ChildTask(
        "HEAVY_PROCESS_VIDEO",
        inputs=(*passed_on, FileRef(OUT, "preproc.json", "preproc"), *onward),
        metadata={**task.metadata, "frames_kept": len(kept)},
    )
    proposals = sum(len(entry["proposals"]) for entry in kept)
    row = {
        "table": "filtering",
        "video_id": task.video_id,
        "frames_total": selection.frames_total,
        "frames_kept": len(kept),
        "proposals": proposals,
        "dropped": compact(counts),
        "corrupt_frames": damage.corrupt_frames,
        "decode_errors": damage.decode_errors,
        "lost_frames": damage.lost_frames,
    }
    return StageResult(
        outputs=(Output("preproc.json", "preproc"), *(Output(path, "thumbnail") for path in sorted(thumbs))),
        children=(child,),
        rows=(row,),
        metadata={
            "frames_total": selection.frames_total,
            "frames_kept": len(kept),
            "proposals": proposals,
            "dropped": counts,
            "seconds": seconds,
        },
    )
