"""INGEST: is the clip whole, what made it and when, and where was the camera?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from dashtools.errors import BadInput, InputMissing
from dashtools.files import sha256_of
from dashtools.model import FileRef, Json, Output, StageResult, Track
from dashtools.ports import ClipFacts, ContainerReport, Decoder, GpsReader, StageContext
from dashtools.stages.canonical import write_json
from dashtools.stages.clock import uncertainty_ms
from dashtools.stages.learned import Learned
from dashtools.stages.names import describe
from dashtools.stages.recorded import recorded
from dashtools.stages.rollover import put_right

NO_TRACK = Track("none", note="no GPS recording found in the clip")
MAX_MESSAGES = 20


class IngestStage:
    """Checks a clip and writes ingest.json and track.json; UnreadableClip when nothing of it can be used.

    Only the first frame and the end are decoded here; damage in between is counted by preproc, which
    decodes every frame anyway.
    """

    task_type = "INGEST_VIDEO"
    kind = "ingest"

    def __init__(
        self,
        decoder: Decoder,
        gps_readers: Sequence[GpsReader],
        check_container: Callable[[Path], ContainerReport],
    ) -> None:
        self.decoder = decoder
        self.gps_readers = gps_readers
        self.check_container = check_container

    def __call__(self, context: StageContext) -> StageResult:
        started = time.monotonic()
        ref, clip = _video(context)
        context.progress(0.0, "container")
        report = self.check_container(clip)
        facts = self.decoder.facts(clip)
        damage = _damage(report, facts, self._damaged_tail_at(clip))
        context.progress(0.5, "track")
        track = read_track(self.gps_readers, clip, facts)
        name = str(context.task.metadata.get("clip") or clip.name)
        said = describe(f"{ref.path.rpartition('/')[0]}/{name}", context.settings.get("clip_name_pattern"))
        track = put_right(track, said.local_time)
        track = replace(track, uncertainty_ms=uncertainty_ms(track))
        when = recorded(track, said.local_time, facts.creation_time)
        learned = Learned(name, ref, report, facts, said, when, damage, track)
        write_json(context.out / "ingest.json", learned.document())
        write_json(context.out / "track.json", track.to_json())
        return StageResult(
            outputs=(Output("ingest.json", "ingest"), Output("track.json", "track")),
            children=(learned.child(context.task.metadata),),
            rows=(learned.video_row(context.task.video_id), *learned.fix_rows(context.task.video_id)),
            metadata={"seconds": {"total": round(time.monotonic() - started, 3)}},
        )

    def _damaged_tail_at(self, clip: Path) -> int | None:
        look = getattr(self.decoder, "damaged_tail_at", None)
        return None if look is None else look(clip)


def read_track(readers: Sequence[GpsReader], clip: Path, facts: ClipFacts) -> Track:
    """The first track with a fix, else the first without one, which says why; never None.

    Its times count from the first picture that decodes, as those of the frames do.
    """
    void: Track | None = None
    for reader in readers:
        if void is not None and getattr(reader, "is_fallback", False):
            break  # the format is known and says there was no fix: nobody's guess counts
        track = reader.read(clip, facts)
        if track is None:
            continue
        if any(fix.is_valid for fix in track.fixes):
            return _after_lost_head(track, facts)
        void = void or track
    return _after_lost_head(void, facts) if void else NO_TRACK


def _after_lost_head(track: Track, facts: ClipFacts) -> Track:
    if not facts.lost_head_ms:
        return track
    return replace(track, fixes=tuple(replace(fix, t_ms=fix.t_ms - facts.lost_head_ms) for fix in track.fixes))


def _video(context: StageContext) -> tuple[FileRef, Path]:
    """The clip's entry with digest and size filled in, and where it lies."""
    ref, clip = context.task.input("video"), context.one("video")
    if ref is None:
        raise InputMissing(f"task {context.task.task_id} names no input of type video")
    stat = clip.stat()
    sha256 = ref.sha256
    # its date alone tells nothing: a copy tool may have set it; a second reading is the price of a changed one
    if sha256 is None or context.task.metadata.get("mtime_ns") not in (None, stat.st_mtime_ns):
        sha256 = sha256_of(clip)
        if ref.sha256 not in (None, sha256):
            what = "it was replaced by other bytes; the new version is taken in as a clip of its own"
            raise BadInput(f"{ref.device}:{ref.path} is not what the task was made for: {what}")
    size_bytes = stat.st_size if ref.size_bytes is None else ref.size_bytes
    return replace(ref, sha256=sha256, size_bytes=size_bytes), clip


def _damage(report: ContainerReport, facts: ClipFacts, damaged_from: int | None) -> Json:
    messages = list(report.findings)
    if damaged_from is not None:
        messages.append(f"the last second does not decode: the end is damaged from byte {damaged_from} on")
    if facts.lost_head_ms:
        messages.append(f"the first {facts.lost_head_ms / 1000:.1f} s do not decode")
    return {
        "corrupt_frames": 0,
        "decode_errors": 0 if damaged_from is None else 1,
        "lost_frames": report.missing_samples or 0,
        "messages": messages[:MAX_MESSAGES],
    }
