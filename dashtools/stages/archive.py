"""ARCHIVE: a small copy of the clip, its best crops and its facts, each file read back and found equal."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from dashtools.errors import ArchivalError, BadInput, InputMissing
from dashtools.files import sha256_of
from dashtools.model import OUT, ChildTask, FileRef, Json, Output, StageResult, Task, Track
from dashtools.ports import ClipFacts, CopyStyle, Decoder, Encoder, StageContext
from dashtools.stages.canonical import read_json
from dashtools.stages.gpx import to_gpx
from dashtools.stages.subtitles import to_srt
from dashtools.stages.verified import VerifiedFolder

VIDEO = "video_lowres.mp4"
_JPEG_QUALITY = 92
_COPIED = {"thumbnail": "thumbs", "best_frame": "frames"}
_CHAIN = ("ingest", "track", "preproc", "detections")


class ArchiveStage:
    """Writes what is kept for good; BadInput when the original is no longer the clip that was taken in."""

    task_type = "ARCHIVE_VIDEO"
    kind = "archive"

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        self.encoder = encoder
        self.decoder = decoder

    def __call__(self, context: StageContext) -> StageResult:
        started = time.monotonic()
        original = _check_original(context)
        folder = VerifiedFolder(context.out)
        facts, made_by = self._small_copy(context, folder)
        encode_s = time.monotonic() - started
        crops = _write_crops(context, folder)
        _copy_pictures(context, folder)
        chain = _write_facts(context, folder)
        context.progress(0.95, "read back")
        folder.read_back()
        copy = {"encoder": made_by, "version": self.encoder.version, "width": facts.width}
        manifest = {
            "schema": "manifest/1",
            "video_id": context.task.video_id,
            "clip": context.task.metadata.get("clip"),
            "original": original,
            "chain": chain,
            "video_lowres": {**copy, "height": facts.height, "duration_s": facts.duration_s},
            "files": folder.entries(),
        }
        folder.write_json("manifest.json", "manifest", manifest)
        folder.read_back()
        seconds = {"total": round(time.monotonic() - started, 3), "encode": round(encode_s, 3)}
        return _result(context, folder, crops, facts.height, seconds)

    def _small_copy(self, context: StageContext, folder: VerifiedFolder) -> tuple[ClipFacts, str]:
        """Facts of the de-resolved clip, which opens and decodes, and which encoder made it."""
        target = context.out / VIDEO
        made_by = self.encoder.downscale(
            context.one("video"),
            target,
            height=int(context.settings["archive_height"]),
            style=_style(context),
            progress=lambda share: context.progress(0.05 + 0.85 * share, "encode"),
        )
        folder.adopt(VIDEO, "video_lowres")
        try:
            return self.decoder.facts(target), made_by
        except BadInput as error:
            raise ArchivalError(f"the copy of {context.one('video').name} does not decode: {error}") from error


def _style(context: StageContext) -> CopyStyle:
    """How the copy is made: by the settings, with the track as subtitles, and black where nothing is to be stored."""
    track = Track.from_json(read_json(context.one("track"))) if context.paths.get("track") else Track("none")
    ingest = read_json(context.one("ingest")) if context.paths.get("ingest") else {}
    duration_s = ingest.get("container", {}).get("duration_s") or 0.0
    return CopyStyle(
        codec=str(context.settings.get("archive_codec", "h264")),
        is_hardware_allowed=context.settings.get("archive_encoder") == "auto",
        subtitles=to_srt(track, ingest.get("recorded_at"), round(1000 * duration_s)),
        blank_ms=track.withheld,
    )


def _check_original(context: StageContext) -> Json:
    """The original's entry of the manifest, its bytes being the same as at ingest."""
    clip, ref = context.one("video"), context.task.input("video")
    if ref is None:
        raise InputMissing(f"task {context.task.task_id} names no input of type video")
    context.progress(0.0, "verify original")
    found = sha256_of(clip)
    expected = read_json(context.one("ingest"))["sha256"] if context.paths.get("ingest") else ref.sha256
    if expected is not None and found != expected:
        raise BadInput(
            f"{clip.name} changed since it was taken in: its sha256 was {expected} and is {found}; nothing was archived"
        )
    return {"storage": ref.device, "path": ref.path, "sha256": found, "size_bytes": clip.stat().st_size}


def _write_crops(context: StageContext, folder: VerifiedFolder) -> dict[str, str]:
    """Sighting to path of its best crop; BadInput when a sighting's crop was not handed over."""
    given = {path.stem: path for path in context.paths.get("plate_crop", ())}
    written: dict[str, str] = {}
    for track in read_json(context.one("detections"))["tracks"]:
        sighting_id = track.get("sighting_id")
        if not sighting_id:
            continue
        if sighting_id not in given:
            raise BadInput(f"sighting {sighting_id} has no crop among the inputs")
        written[sighting_id] = f"plates/{sighting_id}_best_crop.jpg"
        folder.write(written[sighting_id], "plate_crop", _as_jpeg(given[sighting_id]))
    return written


def _as_jpeg(path: Path) -> bytes:
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise BadInput(f"{path.name} is not a picture")
    done, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise ArchivalError(f"no JPEG can be made of {path.name}, shape {picture.shape}")
    return bytes(content.tobytes())


def _copy_pictures(context: StageContext, folder: VerifiedFolder) -> None:
    for kind, place in _COPIED.items():
        for path in context.paths.get(kind, ()):
            folder.write(f"{place}/{path.name}", kind, path.read_bytes())


def _write_facts(context: StageContext, folder: VerifiedFolder) -> Json:
    """detections.json and track.gpx; returns the digest of each stage's document, from ingest on."""
    paths = {kind: context.one(kind) for kind in _CHAIN if context.paths.get(kind)}
    folder.write("detections.json", "detections", paths["detections"].read_bytes())
    track = Track.from_json(read_json(paths["track"])) if "track" in paths else Track("none")
    recorded_at = read_json(paths["ingest"]).get("recorded_at") if "ingest" in paths else None
    name = str(context.task.metadata.get("clip") or context.task.video_id)
    folder.write("track.gpx", "gpx", to_gpx(track, name, recorded_at).encode())
    return {kind: sha256_of(path) for kind, path in paths.items()}


def _result(
    context: StageContext, folder: VerifiedFolder, crops: dict[str, str], height: int, seconds: Json
) -> StageResult:
    task = context.task
    rows: list[Json] = [
        {"table": "crops", "sighting_id": sighting_id, "path": {OUT: path}} for sighting_id, path in crops.items()
    ]
    rows.append({"table": "lowres", "video_id": task.video_id, "path": {OUT: VIDEO}, "height": height})
    size_bytes = sum(entry["size_bytes"] for entry in folder.entries())
    return StageResult(
        outputs=tuple(Output(entry["path"], entry["type"]) for entry in folder.entries()),
        children=(_child(task),) if context.settings.get("finalize", True) else (),
        rows=tuple(rows),
        metadata={"files": len(folder.entries()), "size_bytes": size_bytes, "seconds": seconds},
    )


def _child(task: Task) -> ChildTask:
    inputs = (FileRef(OUT, "manifest.json", "manifest"), FileRef(OUT, "detections.json", "detections"))
    return ChildTask("FINALIZE_VIDEO", inputs=inputs, metadata={**task.metadata})
