"""What is given from outside: decoders, detectors, readers, GPS readers, encoders, the server of a remote queue.

A stage never imports a backend; commands and devices choose what fills these on this machine.
Arrays are numpy, uint8: grey (height, width), colour (height, width, 3) in BGR order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from dashtools.model import Detection, PlateRead, StageResult, Task, Track

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ClipFacts:
    """What a container says of its first video stream, before any frame is decoded."""

    width: int
    height: int
    codec: str
    duration_s: float
    frame_rate: float
    frame_count: int | None
    start_pts_ms: int
    has_audio: bool
    creation_time: str | None = None
    rotation_deg: int = 0
    lost_head_ms: int = 0
    """How long the clip ran before the first picture that decodes: frames are timed from that picture."""


@dataclass(frozen=True)
class ContainerReport:
    """What a look at a clip's structure found; only clips that may be usable get one.

    `findings` are sentences about what is damaged though usable: what, at which byte, what becomes of it.
    `video_samples` counts the pictures of the index, `missing_samples` those whose bytes are not in the file;
    None where the container has no index (MPEG-TS) or it was not looked at.
    """

    format: str
    findings: tuple[str, ...] = ()
    video_samples: int | None = None
    missing_samples: int | None = None


class Frame(Protocol):
    """One decoded picture, in presentation order."""

    index: int
    """Presentation order from 0, counting every frame that decoded."""
    pts_ms: int
    """Milliseconds after the first displayed frame."""
    is_keyframe: bool
    is_corrupt: bool

    def grey(self, step: int = 1) -> NDArray[Any]:
        """The luma plane, every `step`-th pixel both ways; may be a view of the decoder's memory."""
        ...

    def bgr(self) -> NDArray[Any]:
        """The full picture; an own copy."""
        ...


@dataclass
class Damage:
    """What a decoder could not use; filled while frames are drawn."""

    corrupt_frames: int = 0
    decode_errors: int = 0
    lost_frames: int = 0
    messages: list[str] = field(default_factory=list)


class Decoder(Protocol):
    """Opens clips."""

    name: str
    version: str

    def facts(self, path: Path) -> ClipFacts:
        """What the container says; UnreadableClip when there is no usable video stream."""
        ...

    def frames(self, path: Path, damage: Damage | None = None) -> Iterator[Frame]:
        """Every frame that decodes, in presentation order; a frame is valid until the next one is drawn."""
        ...


class Detector(Protocol):
    """Finds plates in whole pictures."""

    name: str
    digest: str

    def detect(self, picture: NDArray[Any], min_score: float) -> list[Detection]:
        """Plates in a BGR picture, boxes in its pixels, after NMS, best score first."""
        ...


class PlateReader(Protocol):
    """Reads plate crops."""

    name: str
    digest: str

    def read(self, crop: NDArray[Any]) -> PlateRead:
        """The text of one BGR crop; empty text when there is none."""
        ...


class GpsReader(Protocol):
    """Reads the camera's own track."""

    name: str

    def read(self, path: Path, facts: ClipFacts) -> Track | None:
        """Every slot in time order; None when the clip holds nothing of this reader's format."""
        ...


@dataclass(frozen=True)
class CameraClip:
    """A clip as a camera lists it; `path` is where it is to lie below the target, `remote` what the camera calls it."""

    path: str
    remote: str
    size_bytes: int | None = None
    is_locked: bool = False
    taken: str = ""
    """Digits that order clips by time, where the camera tells."""


@dataclass(frozen=True)
class Fetched:
    """Bytes of a clip as they come: from `start` on, `total_bytes` of the whole as the camera says it."""

    stream: IO[bytes]
    start: int
    total_bytes: int | None
    validator: str | None
    """What changes when the clip does (ETag or Last-Modified), where the camera tells."""


class Camera(Protocol):
    """A source of clips: over the network, or a card that is in."""

    kind: str
    can_delete: bool

    def clips(self) -> list[CameraClip]:
        """Every clip; TryLater when the camera does not answer."""
        ...

    def beside(self, clip: CameraClip) -> list[CameraClip]:
        """Logs that may lie beside a clip and that `clips` does not list; those that are not there are no loss."""
        ...

    def fetch(self, clip: CameraClip, offset: int, validator: str | None = None) -> AbstractContextManager[Fetched]:
        """The clip's bytes from an offset, or from 0 where that cannot be; OSError or HTTPException when it fails."""
        ...

    def delete(self, clip: CameraClip) -> None:
        """Removes a clip."""
        ...


@dataclass(frozen=True)
class CopyStyle:
    """How a small copy is made, beyond its height."""

    codec: str = "h264"
    """h264 or hevc."""
    is_hardware_allowed: bool = False
    subtitles: str = ""
    """SubRip text that becomes a track of the copy."""
    blank_ms: tuple[tuple[int, int | None], ...] = ()
    """Spans that are black and silent in the copy; None: to the end."""


class Encoder(Protocol):
    """Makes small copies of clips."""

    version: str

    def downscale(
        self,
        source: Path,
        target: Path,
        *,
        height: int,
        style: CopyStyle = CopyStyle(),
        progress: Callable[[float], None] | None = None,
    ) -> str:
        """An MP4 no higher than `height`, first frame at 0, times kept, faststart; which encoder made it."""
        ...


Progress = Callable[[float, str], None]
"""Called with the share done (0..1) and a short word for what is being done."""


@dataclass(frozen=True)
class StageContext:
    """All that a stage may know: the task, where its inputs lie, where it writes, its settings and tools."""

    task: Task
    paths: Mapping[str, Sequence[Path]]
    """Local paths of the inputs by their type, in the task's order."""
    out: Path
    """An empty folder, private to this attempt; the outputs stay here."""
    settings: Mapping[str, Any]
    """Resolved processing settings (defaults, profile, device)."""
    progress: Progress

    def one(self, kind: str) -> Path:
        """The only input of a type."""
        return self.paths[kind][0]


class Stage(Protocol):
    """The function of one task type, its tools already inside."""

    task_type: str
    kind: str
    """Folder under the storage: ingest, preproc, heavy_output, archive, final."""

    def __call__(self, context: StageContext) -> StageResult: ...


@dataclass(frozen=True)
class ServedTask:
    """A task that a server holds for this device, under a claim that it wants to see each time."""

    claim: str
    task: Task
    heartbeat_s: float


class TaskServer(Protocol):
    """The queue of a spool that this machine cannot mount.

    Each call is one try: TryLater when the server or its share does not answer, ClaimLost when the claim is gone.
    """

    url: str

    def claim(self, device: str, task_types: Sequence[str], able: Mapping[str, Any], nonce: str) -> ServedTask | None:
        """The next task; None when there is none. Asked again with the same nonce it gives the same claim."""
        ...

    def beat(self, held: ServedTask) -> None:
        """Keeps the claim alive."""
        ...

    def fetch(self, held: ServedTask, number: int, target: Path) -> None:
        """An input's bytes in a file, which may hold the first of them already."""
        ...

    def send(self, held: ServedTask, name: str, source: Path) -> None:
        """A result file."""
        ...

    def complete(self, held: ServedTask, result: Mapping[str, Any]) -> None:
        """Ends the task; saying it twice is saying it once."""
        ...

    def release(self, held: ServedTask, reason: Mapping[str, Any]) -> None:
        """Gives the task back."""
        ...
