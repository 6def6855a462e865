"""The kept frames of a clip at full resolution: boxes, tracklets, and readings of the crops worth reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

import cv2
from numpy.typing import NDArray

from dashtools.geometry import Box, iou
from dashtools.model import Detection, Json
from dashtools.ports import Detector, Frame, PlateReader
from dashtools.stages import crops
from dashtools.stages.mirror import Orientation, turned_box, turned_round
from dashtools.stages.thumbs import encode_jpeg
from dashtools.stages.tracklets import Linker, Sight, SightKey, Tracklet

CANDIDATE_SCORE = 0.05  # most plates that score below the usual threshold score above this; tracks confirm them
READABLE_WIDTH_PX = 36  # five pixels a sign: below that the reader's answers are noise
_ASPECT = (1.1, 9.0)  # two-line plates to stretched ones
_EMPTY_SCORE = 0.1
_TELLING_WIDTH_PX = 60  # narrower crops read badly either way round
_EXAMINE_EVERY = 5
_STILL_QUALITY = 90
_GROWTH = 1.15
_SHOWN_LENGTH, _SHOWN_CONFIDENCE = 3, 0.4


@dataclass
class Examined:
    """What came of a clip; `crops` holds PNG bytes by frame and box, `stills` JPEG paths by frame."""

    linker: Linker = field(default_factory=Linker)
    crops: dict[SightKey, bytes] = field(default_factory=dict)
    stills: dict[int, Path] = field(default_factory=dict)
    frames_examined: int = 0
    frames_skipped: int = 0
    detections: int = 0
    unreadable: int = 0
    reads: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: {"detect": 0.0, "read": 0.0})


@dataclass
class Examiner:
    """Looks through kept frames in order; crops and stills of promising readings are set aside on the way."""

    detector: Detector
    reader: PlateReader
    out: Path
    min_score: float
    crops_per_track: int
    reuse: bool = False
    """The proposals are this detector's own: they stand for another detection."""
    orientation: Orientation | None = None
    """Asked which way round the clip is while it is open; None where that is known."""
    is_mirrored: bool = False
    """Crops are turned round before they are read and shown."""
    found: Examined = field(default_factory=Examined)

    def look(self, frame: Frame, entry: Json) -> None:
        """Takes one kept frame and its entry of preproc.json."""
        picture = frame.bgr()
        height, width = picture.shape[:2]
        boxes = self._boxes(picture, entry["proposals"])
        self.found.frames_examined += 1
        self.found.detections += len(boxes)
        sights = []
        for d in boxes:
            box = Box(d.x1, d.y1, d.x2, d.y2)
            if not is_readable(box):
                self.found.unreadable += 1
                continue
            sharp = crops.crop_sharpness(crops.cut(picture, box))
            is_cut = crops.touches_edge(box, width, height)
            sights.append(Sight(frame.index, entry["pts_ms"], box, d.score, is_cut, sharp))
        for tracklet in self.found.linker.link(sights):
            if self._is_worth_reading(tracklet):
                self._read(tracklet, picture)

    def _boxes(self, picture: NDArray[Any], proposals: Sequence[Json]) -> list[Detection]:
        """The detector's boxes, and proposals that it has no box for."""
        hints = [Detection(*p["box"], p["score"]) for p in proposals]
        if self.reuse:
            return hints
        before = monotonic()
        found = self.detector.detect(picture, min(CANDIDATE_SCORE, self.min_score))
        self.found.seconds["detect"] += monotonic() - before
        seen = [Box(d.x1, d.y1, d.x2, d.y2) for d in found]
        hints = [h for h in hints if h.score >= self.min_score]
        return found + [h for h in hints if all(iou(Box(h.x1, h.y1, h.x2, h.y2), s) < 0.3 for s in seen)]

    def _is_worth_reading(self, tracklet: Tracklet) -> bool:
        """The first crops of a plate are read, later ones only when they should read clearly better."""
        before = [s for s in tracklet.sights[:-1] if s.reading is not None]
        if len(before) < self.crops_per_track:
            return True
        return tracklet.last.quality > _GROWTH * max(s.quality for s in before)

    def _read(self, tracklet: Tracklet, picture: NDArray[Any]) -> None:
        sight, before = tracklet.last, monotonic()
        crop, reading = self._read_way(picture, sight.box, self.is_mirrored)
        if self.orientation is not None and self.orientation.is_open and sight.box.width >= _TELLING_WIDTH_PX:
            self.orientation.hear(reading, self._read_way(picture, sight.box, not self.is_mirrored)[1])
        tracklet.set_last(replace(sight, reading=reading))
        self.found.reads += 1
        self.found.seconds["read"] += monotonic() - before
        if len(reading.text) >= _SHOWN_LENGTH and reading.confidence >= _SHOWN_CONFIDENCE:
            self._set_aside(tracklet, crop, picture)

    def _read_way(self, picture: NDArray[Any], box: Box, is_mirrored: bool) -> tuple[NDArray[Any], crops.Reading]:
        if not is_mirrored:
            return crops.read_plate(self.reader, picture, box)
        return crops.read_plate(self.reader, turned_round(picture), turned_box(box, picture.shape[1]))

    def _set_aside(self, tracklet: Tracklet, crop: NDArray[Any], picture: NDArray[Any]) -> None:
        """Keeps the crop and its frame while the crop is the best of its tracklet and text."""
        sight, found = tracklet.last, self.found
        rivals = [s for s in tracklet.sights[:-1] if s.key in found.crops and _text(s) == _text(sight)]
        if any(merit(rival) >= merit(sight) for rival in rivals):
            return
        found.crops[sight.key] = cv2.imencode(".png", crop)[1].tobytes()
        if sight.frame_index not in found.stills:
            path = self.out / "stills" / f"{sight.frame_index:08d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_jpeg(picture, _STILL_QUALITY))
            found.stills[sight.frame_index] = path
        for rival in rivals:
            del found.crops[rival.key]
            if not any(index == rival.frame_index for index, _ in found.crops):
                found.stills.pop(rival.frame_index).unlink()


def merit(sight: Sight) -> float:
    """How good a crop is to show: confident, large, whole, and read by itself."""
    if sight.reading is None:
        return 0.0
    return sight.reading.confidence**4 * sight.quality


def is_readable(box: Box) -> bool:
    """Is a box of a size and shape that a plate can be read from?

    >>> is_readable(Box(0, 0, 90, 25)), is_readable(Box(0, 0, 20, 6)), is_readable(Box(0, 0, 90, 300))
    (True, False, False)
    """
    if box.width < READABLE_WIDTH_PX or box.height <= 0:
        return False
    return _ASPECT[0] <= box.width / box.height <= _ASPECT[1]


def chosen_frames(kept: Sequence[Json]) -> list[Json]:
    """Kept frames to examine: all but those empty, between empty ones, and not every fifth of such.

    The proposer is a hint: where it sees nothing several times in a row, a frame in five is looked at anyway.
    """
    best = [max((p["score"] for p in entry["proposals"]), default=0.0) for entry in kept]
    chosen, skipped = [], 0
    for i, entry in enumerate(kept):
        around = best[max(0, i - 1) : i + 2]
        if entry["reason"] == "audit" or max(around) >= _EMPTY_SCORE or skipped >= _EXAMINE_EVERY - 1:
            chosen.append(entry)
            skipped = 0
        else:
            skipped += 1
    return chosen


def at_frames(frames: Iterator[Frame], wanted: Mapping[int, Json]) -> Iterator[tuple[Frame, Json]]:
    """The wanted frames as they come, ending with the last of them."""
    remaining = len(wanted)
    for frame in frames:
        if not remaining:
            return
        if frame.index in wanted:
            remaining -= 1
            yield frame, wanted[frame.index]


def _text(sight: Sight) -> str:
    return sight.reading.text if sight.reading else ""
