"""The plates of one picture, without a clip around it: what dc-detect prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
from numpy.typing import NDArray

from dashtools.geometry import Box, iou
from dashtools.model import Detection, Json
from dashtools.ports import Detector, PlateReader
from dashtools.stages.crops import read_plate, touches_edge
from dashtools.stages.examine import CANDIDATE_SCORE, is_readable
from dashtools.stages.formats import settle
from dashtools.stages.plates import certainty, refusal
from dashtools.stages.tracklets import Group, Sight

_BEYOND_DOUBT = 0.95
_SAME_OVERLAP = 0.3
_GREEN, _GREY = (60, 200, 60), (150, 150, 150)


def read_picture(
    detector: Detector, reader: PlateReader, picture: NDArray[Any], settings: Mapping[str, Any]
) -> list[Json]:
    """One entry a box, best score first: box in the picture's pixels, score, text, confidence, refused.

    `refused` is null for a plate, else why this reading alone would not count as one. A box below the usual score is
    told of where it reads as a plate beyond doubt. Where nothing is a plate, the detector looks again at its other
    scales, if it has any.
    """
    found: list[Json] = []
    for looking in (detector, *getattr(detector, "second_looks", ())):
        if any(entry["refused"] is None for entry in found):
            break
        for d in looking.detect(picture, min(CANDIDATE_SCORE, float(settings["min_score"]))):
            if all(iou(Box(*entry["box"]), Box(d.x1, d.y1, d.x2, d.y2)) < _SAME_OVERLAP for entry in found):
                found += _entry(reader, picture, d, settings)
    return sorted(found, key=lambda entry: -entry["score"])


def _entry(reader: PlateReader, picture: NDArray[Any], d: Detection, settings: Mapping[str, Any]) -> list[Json]:
    """What to tell of a box: one entry, or none for a doubtful box that does not read as a plate."""
    height, width = picture.shape[:2]
    min_score, box = float(settings["min_score"]), Box(d.x1, d.y1, d.x2, d.y2)
    is_doubtful = d.score < min_score
    if is_doubtful and not is_readable(box):
        return []
    reading = read_plate(reader, picture, box)[1]
    if is_doubtful and reading.confidence < _BEYOND_DOUBT:
        return []
    group = Group((Sight(0, 0, box, d.score, touches_edge(box, width, height), reading=reading),))
    voted = settle(group.vote)
    reason = refusal(
        group, min_confidence=float(settings["min_plate_confidence"]), min_score=0.0 if is_doubtful else min_score
    )
    if is_doubtful and reason is not None:
        return []
    entry = {"box": [d.x1, d.y1, d.x2, d.y2], "score": d.score, "text": voted.text, "confidence": certainty(group)}
    return [{**entry, "refused": reason}]


def annotated(picture: NDArray[Any], found: Sequence[Json]) -> NDArray[Any]:
    """A copy of the picture with each box and its text; refused ones are grey."""
    drawn = picture.copy()
    for entry in found:
        x1, y1, x2, y2 = (round(v) for v in entry["box"])
        colour = _GREY if entry["refused"] else _GREEN
        cv2.rectangle(drawn, (x1, y1), (x2, y2), colour, 2)
        cv2.putText(drawn, entry["text"], (x1, max(12, y1 - 6)), cv2.FONT_HERSHEY_SIMPLEX, 0.7, colour, 2)
    return drawn
