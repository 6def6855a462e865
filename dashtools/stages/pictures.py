"""The plates of one picture, without a clip around it: what dc-detect prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
from numpy.typing import NDArray

from dashtools.geometry import Box
from dashtools.model import Json
from dashtools.ports import Detector, PlateReader
from dashtools.stages.crops import read_plate, touches_edge
from dashtools.stages.formats import settle
from dashtools.stages.plates import refusal
from dashtools.stages.tracklets import Group, Sight

_GREEN, _GREY = (60, 200, 60), (150, 150, 150)


def read_picture(
    detector: Detector, reader: PlateReader, picture: NDArray[Any], settings: Mapping[str, Any]
) -> list[Json]:
    """One entry a box, best score first: box in the picture's pixels, score, text, confidence, refused.

    `refused` is null for a plate, else why this reading alone would not count as one.
    """
    height, width = picture.shape[:2]
    min_score = float(settings["min_score"])
    found = []
    for d in detector.detect(picture, min_score):
        box = Box(d.x1, d.y1, d.x2, d.y2)
        reading = read_plate(reader, picture, box)[1]
        sight = Sight(0, 0, box, d.score, touches_edge(box, width, height), reading=reading)
        group = Group((sight,))
        voted = settle(group.vote)
        reason = refusal(group, min_confidence=float(settings["min_plate_confidence"]), min_score=min_score)
        entry = {"box": [d.x1, d.y1, d.x2, d.y2], "score": d.score, "text": voted.text, "confidence": voted.confidence}
        found.append({**entry, "refused": reason})
    return found


def annotated(picture: NDArray[Any], found: Sequence[Json]) -> NDArray[Any]:
    """A copy of the picture with each box and its text; refused ones are grey."""
    drawn = picture.copy()
    for entry in found:
        x1, y1, x2, y2 = (round(v) for v in entry["box"])
        colour = _GREY if entry["refused"] else _GREEN
        cv2.rectangle(drawn, (x1, y1), (x2, y2), colour, 2)
        cv2.putText(drawn, entry["text"], (x1, max(12, y1 - 6)), cv2.FONT_HERSHEY_SIMPLEX, 0.7, colour, 2)
    return drawn
