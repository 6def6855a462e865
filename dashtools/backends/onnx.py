"""Plate detectors on ONNX Runtime: YOLO exports, and our own network that gives boxes."""

from __future__ import annotations

import ast
import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashtools.backends.letterbox import letterbox
from dashtools.backends.sessions import Network
from dashtools.errors import BackendUnavailable
from dashtools.files import sha256_of
from dashtools.geometry import Box, suppress
from dashtools.model import Detection

_OVERLAP = 0.45  # IoU above which two boxes are one plate (as measured: platedet, NMS .45)
_CANDIDATES_MAX = 300  # an untrained or wrong network gives thousands of boxes; suppression is quadratic
_USUAL_SCORE = 0.25  # platedet's on dashcam footage (measured)
_SECOND_SIDES_PX = (960, 480)


class OnnxPlateDetector:
    """A YOLO detector with a fixed input size; see ports.Detector.

    Understands YOLOv8-style output (1, 4 + classes + mask coefficients, n) and end-to-end output
    (1, n, 6) of x1, y1, x2, y2, score, class. Where there are several classes, those named like a plate count.
    """

    def __init__(
        self, path: Path, *, name: str | None = None, digest: str | None = None, vram_limit_bytes: int | None = None
    ) -> None:
        self.name = name or path.stem
        self.digest = digest or sha256_of(path)
        self._network = Network(path, vram_limit_bytes=vram_limit_bytes)
        entry = self._network.session.get_inputs()[0]
        self._input, self._is_half = entry.name, entry.type == "tensor(float16)"
        self._height, self._width = (side if isinstance(side, int) else 640 for side in entry.shape[2:4])
        self._output = self._network.session.get_outputs()[0].name
        self._classes = _class_names(self._network.session)

    @property
    def provider(self) -> str:
        """What really runs the network."""
        return self._network.provider

    def detect(self, picture: NDArray[Any], min_score: float) -> list[Detection]:
        """Plates in a BGR picture, boxes in its pixels, after NMS, best score first."""
        tensor, fit = letterbox(picture, self._width, self._height)
        if self._is_half:
            tensor = tensor.astype(np.float16)
        (raw,) = self._network.run([self._output], {self._input: tensor})
        boxes, scores = self._boxes(np.asarray(raw[0], np.float32), min_score)
        height, width = picture.shape[:2]
        return best_of(fit.back(boxes, width, height), scores)

    def _boxes(self, rows: NDArray[Any], min_score: float) -> tuple[NDArray[Any], NDArray[Any]]:
        """Boxes xyxy in input pixels and their scores, those above `min_score`."""
        wanted = [i for i, name in enumerate(self._classes) if "plate" in name.lower()] or list(
            range(len(self._classes))
        )
        if rows.ndim == 2 and rows.shape[1] == 6 and rows.shape[0] != 6:
            keep = (rows[:, 4] > min_score) & np.isin(rows[:, 5].astype(int), wanted)
            return rows[keep, :4], rows[keep, 4]
        if rows.ndim != 2 or rows.shape[0] < 4 + len(self._classes) or rows.shape[0] >= rows.shape[1]:
            raise BackendUnavailable(
                f"{self.name}: output of shape {rows.shape} is neither YOLOv8-style (4 + classes, n) nor (n, 6); "
                "export it with: yolo export format=onnx"
            )
        scores = rows[4 : 4 + len(self._classes)][wanted].max(axis=0)
        keep = scores > min_score
        cx, cy, w, h = rows[:4, keep]
        return np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], axis=1), scores[keep]


class OnnxHeadsDetector:
    """A YOLOv8 network cut off at its heads (see onnx_convert), at any input size; see ports.Detector.

    A picture is scaled so that its longer side is `long_side_px`, which need not be 640: the shorter side costs
    only what it needs, and boxes are worked out for the cells above `min_score` alone.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str | None = None,
        digest: str | None = None,
        long_side_px: int = 640,
        vram_limit_bytes: int | None = None,
    ) -> None:
        self.name = name or path.stem
        self.digest = digest or sha256_of(path)
        self.long_side_px = long_side_px
        self._network = Network(path, vram_limit_bytes=vram_limit_bytes)
        self._input = self._network.session.get_inputs()[0].name

    @property
    def provider(self) -> str:
        """What really runs the network."""
        return self._network.provider

    @property
    def second_looks(self) -> tuple[OnnxHeadsDetector, ...]:
        """The same network at other scales: closer for small plates, then further off for large ones."""
        return tuple(self._at(side_px) for side_px in _SECOND_SIDES_PX)

    def _at(self, long_side_px: int) -> OnnxHeadsDetector:
        other = copy.copy(self)
        other.long_side_px = long_side_px
        return other

    def detect(self, picture: NDArray[Any], min_score: float) -> list[Detection]:
        """Plates in a BGR picture, boxes in its pixels, after NMS, best score first."""
        height, width = picture.shape[:2]
        scale = self.long_side_px / max(height, width)
        tensor, fit = letterbox(picture, _up_to_32(width * scale), _up_to_32(height * scale))
        (heads,) = self._network.run(["heads"], {self._input: tensor})
        boxes, scores = decode_heads(heads[0], tensor.shape[2], tensor.shape[3], min_score)
        return best_of(fit.back(boxes, width, height), scores)


def decode_heads(heads: NDArray[Any], height: int, width: int, min_score: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Boxes (n, 4) xyxy in input pixels and scores of the cells above `min_score`.

    `heads` is (64 + classes, cells): for each side a distribution over 0..15 strides (Li et al. 2020, generalized
    focal loss), then class logits; cells row by row at strides 8, 16, 32.
    """
    scores = 1 / (1 + np.exp(-heads[64:].max(axis=0).clip(-30, 30)))
    keep = np.flatnonzero(scores > min_score)
    sizes = [(height // s, width // s, s) for s in (8, 16, 32)]
    centres = np.concatenate([_cells(rows, columns, stride) for rows, columns, stride in sizes])[keep]
    logits = heads[:64, keep].reshape(4, 16, -1)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    distances = (weights * np.arange(16, dtype=np.float32)[None, :, None]).sum(axis=1) / weights.sum(axis=1)
    left, top, right, bottom = distances * centres[:, 2]
    x, y = centres[:, 0], centres[:, 1]
    return np.stack([x - left, y - top, x + right, y + bottom], axis=1), scores[keep]


def _cells(rows: int, columns: int, stride: int) -> NDArray[Any]:
    """Centre x, centre y and stride of each cell of a grid, row by row."""
    y, x = np.mgrid[0:rows, 0:columns]
    centres = np.stack([x.ravel() + 0.5, y.ravel() + 0.5], axis=1) * stride
    return np.concatenate([centres, np.full((rows * columns, 1), stride)], axis=1).astype(np.float32)


class OnnxBoxesDetector:
    """Our own network: any input size that is a multiple of 32, output `boxes` (n, 5); see ports.Detector.

    A picture is scaled so that its longer side is `long_side_px` at most, and never enlarged. `usual_score` is the
    raw score that this network's card recommends as threshold: scores are bent so that it becomes 0.25, the
    threshold of other detectors, and settings mean the same for all.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str | None = None,
        digest: str | None = None,
        long_side_px: int = 960,
        usual_score: float = 0.25,
        vram_limit_bytes: int | None = None,
    ) -> None:
        self.name = name or path.stem
        self.digest = digest or sha256_of(path)
        self.long_side_px = long_side_px
        self._bend = math.log(_USUAL_SCORE) / math.log(usual_score)
        self._network = Network(path, vram_limit_bytes=vram_limit_bytes)
        self._input = self._network.session.get_inputs()[0].name

    @property
    def provider(self) -> str:
        """What really runs the network."""
        return self._network.provider

    def detect(self, picture: NDArray[Any], min_score: float) -> list[Detection]:
        """Plates in a BGR picture, boxes in its pixels, after NMS, best score first."""
        height, width = picture.shape[:2]
        scale = min(1.0, self.long_side_px / max(height, width))
        tensor, fit = letterbox(picture, _up_to_32(width * scale), _up_to_32(height * scale), enlarge=False)
        (rows,) = self._network.run(["boxes"], {self._input: tensor})
        rows = np.asarray(rows, np.float32).reshape(-1, 5)
        scores = rows[:, 4].clip(0, 1) ** self._bend
        keep = scores > min_score
        return best_of(fit.back(rows[keep, :4], width, height), scores[keep])


def best_of(boxes: NDArray[Any], scores: NDArray[Any]) -> list[Detection]:
    """Detections after suppression, best first; boxes that are empty in the picture are left out."""
    order = np.argsort(-scores, kind="stable")[:_CANDIDATES_MAX]
    order = [i for i in order if boxes[i, 2] > boxes[i, 0] and boxes[i, 3] > boxes[i, 1]]
    candidates = [Box(*(float(v) for v in boxes[i])) for i in order]
    kept = suppress(candidates, [float(scores[i]) for i in order], _OVERLAP)
    return [_detection(candidates[k], float(scores[order[k]])) for k in kept]


def _detection(box: Box, score: float) -> Detection:
    return Detection(round(box.x1, 1), round(box.y1, 1), round(box.x2, 1), round(box.y2, 1), round(score, 4))


def _up_to_32(side: float) -> int:
    return max(32, -(-round(side) // 32) * 32)


def _class_names(session: Any) -> list[str]:
    """The classes an Ultralytics export names in its metadata; one plate class where none are named."""
    text = session.get_modelmeta().custom_metadata_map.get("names")
    if not text:
        return ["plate"]
    names = ast.literal_eval(text)
    return [str(n) for n in (names.values() if isinstance(names, dict) else names)]
