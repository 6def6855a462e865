"""The values that pass between rooms: tasks, files, fixes, frames, detections, reads.

JSON forms (`to_json`/`from_json`) are the contracts of schemas/; unknown fields of a task are kept
as they are, so that a newer host's task survives an older host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from dashtools.errors import BadInput

TASK_TYPES = (
    "INGEST_VIDEO",
    "PREPROCESS_VIDEO",
    "HEAVY_PROCESS_VIDEO",
    "ARCHIVE_VIDEO",
    "FINALIZE_VIDEO",
    "CLEANUP_STORAGE",
)
TASK_TYPE_PATTERN = re.compile(r"[A-Z][A-Z0-9_]*\Z")
Json = dict[str, Any]

OUT = "$out"
"""As the `device` of a child's input: a path inside this stage's own output folder. In a row, the value
{OUT: "a/b.jpg"} stands for that file's path relative to its storage. The worker fills both in."""


@dataclass(frozen=True)
class FileRef:
    """A file or folder: `path` is relative to the storage that `device` names.

    `type` says what it is (video, ingest, track, preproc, thumbnails, detections, plate_crop, ...).
    """

    device: str
    path: str
    type: str
    temporary: bool = False
    sha256: str | None = None
    size_bytes: int | None = None

    def to_json(self) -> Json:
        out: Json = {"device": self.device, "path": self.path, "type": self.type}
        if self.temporary:
            out["temporary"] = True
        if self.sha256 is not None:
            out["sha256"] = self.sha256
        if self.size_bytes is not None:
            out["size_bytes"] = self.size_bytes
        return out

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> FileRef:
        try:
            return FileRef(
                device=str(value["device"]),
                path=str(value["path"]),
                type=str(value["type"]),
                temporary=bool(value.get("temporary", False)),
                sha256=value.get("sha256"),
                size_bytes=value.get("size_bytes"),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"a file entry needs device, path and type; got {value!r}") from error


@dataclass(frozen=True)
class Task:
    """One unit of work; the JSON of schemas/task.schema.json.

    `attempt` counts claims (it fences); `failures` counts what goes against `max_failures`.
    `state` is what the text says; where the file lies decides.
    """

    task_id: str
    task_type: str
    video_id: str
    state: str = "pending"
    priority: int = 5
    attempt: int = 0
    failures: int = 0
    created_at: str = ""
    not_before: str | None = None
    completed_at: str | None = None
    parent_id: str | None = None
    inputs: tuple[FileRef, ...] = ()
    outputs: tuple[FileRef, ...] = ()
    metadata: Json = field(default_factory=dict)
    device_capabilities_required: Json = field(default_factory=dict)
    params: Json = field(default_factory=dict)
    error: Json | None = None
    history: tuple[Json, ...] = ()
    extra: Json = field(default_factory=dict)

    def input(self, kind: str) -> FileRef | None:
        """The first input of a type, if there is one."""
        return next((ref for ref in self.inputs if ref.type == kind), None)

    @property
    def generation(self) -> int:
        """How often this task was completed before: a requeue starts the next generation.

        Child ids are made from it and not from `attempt`, so that a crash in between changes no id.
        """
        return sum(1 for entry in self.history if entry.get("event") == "complete")

    def to_json(self) -> Json:
        out: Json = {name: getattr(self, name) for name in _TASK_FIELDS}
        out["inputs"] = [ref.to_json() for ref in self.inputs]
        out["outputs"] = [ref.to_json() for ref in self.outputs]
        out["history"] = list(self.history)
        return {**self.extra, **out}

    @staticmethod
    def from_json(value: Any) -> Task:
        """The task that a JSON object describes; BadInput says what is wrong with it."""
        if not isinstance(value, dict):
            raise BadInput(f"a task is a JSON object, not {type(value).__name__}")
        given = {name: value[name] for name in _TASK_FIELDS if name in value}
        missing = [name for name in ("task_id", "task_type", "video_id") if not isinstance(given.get(name), str)]
        if missing:
            raise BadInput(f"task without {', '.join(missing)} (text); see schemas/task.schema.json")
        if not TASK_TYPE_PATTERN.match(given["task_type"]):
            raise BadInput(f"task_type {given['task_type']!r} is not of the form [A-Z][A-Z0-9_]*")
        for name in ("inputs", "outputs", "history"):
            if not isinstance(given.get(name, []), list):
                raise BadInput(f"{name} of task {given['task_id']} is not an array")
        given["inputs"] = tuple(FileRef.from_json(ref) for ref in given.get("inputs", []))
        given["outputs"] = tuple(FileRef.from_json(ref) for ref in given.get("outputs", []))
        given["history"] = tuple(given.get("history", []))
        return Task(**given, extra={k: v for k, v in value.items() if k not in _TASK_FIELDS})


_TASK_FIELDS = dict.fromkeys(f.name for f in fields(Task) if f.name != "extra")  # asked a million times by an index


@dataclass(frozen=True)
class ChildTask:
    """A task that a stage wants published once its own commit stands."""

    task_type: str
    inputs: tuple[FileRef, ...] = ()
    params: Json = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)
    device_capabilities_required: Json = field(default_factory=dict)
    priority: int | None = None
    video_id: str | None = None


@dataclass(frozen=True)
class Output:
    """A file that a stage left in its output folder; `path` is relative to that folder."""

    path: str
    type: str


@dataclass(frozen=True)
class StageResult:
    """What a stage did: files in its folder, tasks to publish, rows for the index.

    Each row is {"table": name, column: value, ...} for dashtools/index/schema.sql. `metadata` goes into
    the record; whatever differs from run to run (seconds) belongs there and never into an output file.
    """

    outputs: tuple[Output, ...] = ()
    children: tuple[ChildTask, ...] = ()
    rows: tuple[Json, ...] = ()
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Fix:
    """One slot of a GPS recording; void slots are kept with `is_valid` false and no position.

    `t_ms` is video time from the first displayed frame; `utc` is what the receiver said (RFC 3339) or None.
    """

    t_ms: int
    is_valid: bool
    latitude: float | None = None
    longitude: float | None = None
    speed_mps: float | None = None
    bearing_deg: float | None = None
    altitude_m: float | None = None
    utc: str | None = None
    offset: int | None = None

    def to_json(self) -> Json:
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}


@dataclass(frozen=True)
class Track:
    """The camera's own path during a clip, in time order, void slots included.

    `reader` names who read it ("novatek", "blackvue", "nmea", "exiftool", "none"), `note` why it is empty.
    `uncertainty_ms` bounds how far fixes and pictures may be apart on the clip's time; None where nothing tells.
    """

    reader: str
    fixes: tuple[Fix, ...] = ()
    version: str = "1"
    note: str | None = None
    uncertainty_ms: int | None = None
    withheld: tuple[tuple[int, int | None], ...] = ()
    """Spans of video time in which the camera was, or may have been, where nothing is to be stored; None: the end."""

    def is_withheld(self, pts_ms: int) -> bool:
        """Does this moment of the clip lie in such a span?

        >>> Track("x", withheld=((0, 1000), (5000, None))).is_withheld(7000)
        True
        """
        return any(first <= pts_ms and (last is None or pts_ms <= last) for first, last in self.withheld)

    def to_json(self) -> Json:
        out: Json = {
            "schema": "track/1",
            "reader": self.reader,
            "version": self.version,
            "note": self.note,
            "uncertainty_ms": self.uncertainty_ms,
            "fixes": [fix.to_json() for fix in self.fixes],
        }
        return {**out, "withheld": [list(span) for span in self.withheld]} if self.withheld else out

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Track:
        return Track(
            reader=value["reader"],
            version=value.get("version", "1"),
            note=value.get("note"),
            uncertainty_ms=value.get("uncertainty_ms"),
            fixes=tuple(Fix(**fix) for fix in value.get("fixes", ())),
            withheld=tuple((span[0], span[1]) for span in value.get("withheld", ())),
        )


@dataclass(frozen=True)
class Detection:
    """A plate in one frame: box in that frame's pixels, score 0..1."""

    x1: float
    y1: float
    x2: float
    y2: float
    score: float


@dataclass(frozen=True)
class PlateRead:
    """What a reader saw in a crop: upper-case A-Z 0-9, with a confidence 0..1 per character."""

    text: str
    character_confidences: tuple[float, ...]

    @property
    def confidence(self) -> float:
        """Mean over the characters; 0 for an empty read."""
        if not self.character_confidences:
            return 0.0
        return sum(self.character_confidences) / len(self.character_confidences)


def with_changes(task: Task, **changes: Any) -> Task:
    """The same task with some fields replaced."""
    return Task(**{**vars(task), **changes})  # as dataclasses.replace, in half the time
