"""What ingest learned about one clip: ingest.json, the next task, rows for the index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashtools.model import OUT, ChildTask, FileRef, Json, Track
from dashtools.ports import ClipFacts, ContainerReport
from dashtools.stages.canonical import compact
from dashtools.stages.clock import doubts
from dashtools.stages.names import ClipName
from dashtools.stages.recorded import Recorded


@dataclass(frozen=True)
class Learned:
    """What ingest found out about one clip, and the forms it is handed on in."""

    name: str
    ref: FileRef
    report: ContainerReport
    facts: ClipFacts
    said: ClipName
    when: Recorded
    damage: Json
    track: Track

    @property
    def fix_count(self) -> int:
        return sum(fix.is_valid for fix in self.track.fixes)

    def document(self) -> Json:
        """The content of ingest.json."""
        said, when, track = self.said, self.when, self.track
        return {
            "schema": "ingest/1",
            "clip": self.name,
            "sha256": self.ref.sha256,
            "size_bytes": self.ref.size_bytes,
            "container": self._container(),
            "camera": said.camera,
            "channel": said.channel,
            "flags": {"event": said.is_event, "parking": said.is_parking, "locked": said.is_locked},
            "recorded_at": when.at,
            "recorded_at_method": when.method,
            "utc_offset_min": when.utc_offset_min,
            "damage": self.damage,
            "gps": {
                "reader": track.reader,
                "fixes": self.fix_count,
                "void": len(track.fixes) - self.fix_count,
                "note": track.note,
                "uncertainty_ms": track.uncertainty_ms,
                "doubts": doubts(track),
            },
            "clock": {"skew_s": when.skew_s, "uncertainty_s": when.uncertainty_s},
        }

    def _container(self) -> Json:
        facts = self.facts
        return {
            "format": self.report.format,
            "codec": facts.codec,
            "width": facts.width,
            "height": facts.height,
            "duration_s": facts.duration_s,
            "frame_rate": facts.frame_rate,
            "frame_count": facts.frame_count,
            "has_audio": facts.has_audio,
            "creation_time": facts.creation_time,
            "rotation_deg": facts.rotation_deg,
        }

    def child(self, metadata: Mapping[str, Any]) -> ChildTask:
        """The task that comes next."""
        return ChildTask(
            "PREPROCESS_VIDEO",
            inputs=(self.ref, FileRef(OUT, "ingest.json", "ingest"), FileRef(OUT, "track.json", "track")),
            metadata={
                **metadata,
                "clip": self.name,
                "video_sha256": self.ref.sha256,
                "duration_s": self.facts.duration_s,
                "recorded_at": self.when.at,
            },
        )

    def video_row(self, video_id: str) -> Json:
        """The clip's row of the index."""
        facts, said, when, damage = self.facts, self.said, self.when, self.damage
        is_damaged = bool(damage["messages"] or damage["lost_frames"])
        return {
            "table": "videos",
            "video_id": video_id,
            "clip": self.name,
            "storage": self.ref.device,
            "path": self.ref.path,
            "sha256": self.ref.sha256,
            "size_bytes": self.ref.size_bytes,
            "duration_ms": round(1000 * facts.duration_s),
            "frame_count": facts.frame_count,
            "frame_rate": facts.frame_rate,
            "width": facts.width,
            "height": facts.height,
            "codec": facts.codec,
            "camera": said.camera,
            "channel": said.channel,
            "is_event": int(said.is_event),
            "is_parking": int(said.is_parking),
            "is_locked": int(said.is_locked),
            "recorded_at": when.at,
            "recorded_at_method": when.method,
            "utc_offset_min": when.utc_offset_min,
            "gps_reader": self.track.reader,
            "gps_note": "; ".join([*filter(None, [self.track.note]), *doubts(self.track)]) or None,
            "fix_count": self.fix_count,
            "damage": compact(damage) if is_damaged else None,
            "damaged_frames": damage["lost_frames"],
        }

    def fix_rows(self, video_id: str) -> list[Json]:
        """A row a slot, void ones too."""
        return [
            {
                "table": "fixes",
                "video_id": video_id,
                "slot": slot,
                "t_ms": fix.t_ms,
                "utc": fix.utc,
                "is_valid": int(fix.is_valid),
                "latitude": fix.latitude,
                "longitude": fix.longitude,
                "speed_mps": fix.speed_mps,
                "bearing_deg": fix.bearing_deg,
                "altitude_m": fix.altitude_m,
            }
            for slot, fix in enumerate(self.track.fixes)
        ]
