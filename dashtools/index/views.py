"""What pages show: values read from the index, ready to be laid out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """A sighting in a list; `crop_id` is the artifact of its best crop."""

    sighting_id: str
    video_id: str
    clip: str | None
    plate: str
    confidence: float | None
    read_count: int | None
    first_pts_ms: int
    last_pts_ms: int
    seen_at: str | None
    latitude: float | None
    longitude: float | None
    crop_id: str | None
    utc_offset_min: int | None
    recorded_at_method: str | None
    read_as: str | None = None
    """What was read; `plate` is another where somebody corrected it."""

    @property
    def is_corrected(self) -> bool:
        return self.read_as is not None and self.read_as != self.plate


@dataclass(frozen=True)
class PlateMatch:
    """A plate that a search found, and why."""

    plate: str
    sightings: int
    videos: int
    first_seen: str | None
    last_seen: str | None
    crop_id: str | None
    reason: str = ""
    score: float = 1.0


@dataclass(frozen=True)
class Read:
    """One read of a plate in one frame; the box is in pixels of the original."""

    frame_index: int
    pts_ms: int
    x1: float
    y1: float
    x2: float
    y2: float
    score: float | None
    text: str | None
    confidence: float | None


@dataclass(frozen=True)
class Point:
    """A place of the camera at a time of a clip."""

    t_ms: int
    latitude: float
    longitude: float
    speed_mps: float | None = None
    bearing_deg: float | None = None


@dataclass(frozen=True)
class Clip:
    """A video as lists and its own page show it."""

    video_id: str
    clip: str | None
    camera: str | None
    channel: str | None
    storage: str | None
    path: str | None
    sha256: str | None
    size_bytes: int | None
    duration_ms: int | None
    frame_count: int | None
    frame_rate: float | None
    width: int | None
    height: int | None
    codec: str | None
    recorded_at: str | None
    recorded_at_method: str | None
    utc_offset_min: int | None
    gps_reader: str | None
    gps_note: str | None
    fix_count: int | None
    damage: str | None
    damaged_frames: int | None
    is_event: int | None
    is_parking: int | None
    is_locked: int | None
    trip_id: str | None
    distance_m: float | None
    sightings: int = 0


@dataclass(frozen=True)
class Trip:
    """Clips that were driven in one go."""

    trip_id: str
    label: str
    camera: str | None
    started_at: str | None
    ended_at: str | None
    duration_ms: int
    clips: int
    sightings: int
    plates: int
    distance_m: float | None
    utc_offset_min: int | None
    recorded_at_method: str | None


@dataclass(frozen=True)
class Track:
    """A plate followed through a clip, whether it became a sighting or was refused."""

    track_id: str
    sighting_id: str | None
    status: str
    reason: str | None
    text: str | None
    confidence: float | None
    read_count: int | None
    first_pts_ms: int | None
    last_pts_ms: int | None


@dataclass(frozen=True)
class Step:
    """A task of a clip, or one that is being worked on."""

    task_id: str
    task_type: str
    video_id: str | None
    clip: str | None
    condition: str
    attempt: int | None
    failures: int | None
    created_at: str | None
    completed_at: str | None
    not_before: str | None
    worker: str | None
    seconds: float | None
    error_class: str | None
    error_message: str | None
    is_shown: int


@dataclass(frozen=True)
class Media:
    """A file of a clip that can be asked for by its id."""

    artifact_id: str
    type: str
    storage: str
    path: str
    size_bytes: int | None


@dataclass(frozen=True)
class Depth:
    """How many tasks of a type are in each condition."""

    task_type: str
    ready: int
    claimed: int
    delayed: int
    complete: int
    failed: int


@dataclass(frozen=True)
class Failure:
    """Tasks that failed for one reason, with one of them as an example."""

    task_type: str
    error_class: str | None
    error_message: str | None
    count: int
    clip: str | None
    video_id: str | None
    last_at: str | None


@dataclass(frozen=True)
class Worker:
    """A worker as its own record in the spool tells it."""

    name: str
    host: str
    holds: str | None
    beat: int | None


@dataclass(frozen=True)
class Totals:
    """How much the index holds and how fresh it is."""

    videos: int
    sightings: int
    plates: int
    trips: int
    waiting: int
    claimed: int
    failed: int
    refreshed_at: str | None
