"""A plate detector on TFLite, for small boxes with or without an Edge TPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashtools.backends.letterbox import letterbox
from dashtools.backends.onnx import best_of
from dashtools.errors import BackendUnavailable
from dashtools.files import sha256_of
from dashtools.model import Detection

_EDGETPU_LIBRARY = "libedgetpu.so.1"
_STRIDE_PX = 8
_UNIT_PX = np.array((50.0, 16.0, 50.0, 16.0), np.float32)
"""Of our own network (training/net.py): the grid, and what exp(0) of a box logit means, left, top, right, bottom."""
_LOGIT_LIMIT = 4.0


class TflitePlateDetector:
    """An int8 or float .tflite, a YOLO export or our own network; see ports.Detector.

    One output (1, 5, n) is cx, cy, w, h, score (YOLOv8 export, shares of the input where no value exceeds 2), one of
    (1, n, 5) is x1, y1, x2, y2, score in input pixels. Two outputs (1, h/8, w/8, 1) and (1, h/8, w/8, 4) are score and
    box logits of our own network (training/export_tflite.py).
    `provider` says who really runs it: "EdgeTPU" or "CPU".
    """

    def __init__(
        self, path: Path, *, name: str | None = None, digest: str | None = None, use_edgetpu: bool = False
    ) -> None:
        if not path.is_file():
            raise BackendUnavailable(f"no model at {path}; run: dc-models install")
        self.name = name or path.stem
        self.digest = digest or sha256_of(path)
        self._runner, self.provider = _interpreter(path, use_edgetpu)
        self._runner.allocate_tensors()
        self._entry = self._runner.get_input_details()[0]
        self._exits = sorted(self._runner.get_output_details(), key=lambda one: int(one["shape"][-1]))
        _, self._height, self._width, channels = self._entry["shape"]
        shapes = [len(one["shape"]) for one in self._exits]
        if channels != 3 or shapes not in ([3], [4, 4]):
            raise BackendUnavailable(
                f"{path.name}: wants a picture in, and out one (1, rows, columns) tensor or our own network's two"
            )

    def detect(self, picture: NDArray[Any], min_score: float) -> list[Detection]:
        """Plates in a BGR picture, boxes in its pixels, after NMS, best score first."""
        tensor, fit = letterbox(picture, int(self._width), int(self._height))
        self._runner.set_tensor(self._entry["index"], _quantised(tensor.transpose(0, 2, 3, 1), self._entry))
        self._runner.invoke()
        found = [_real(self._runner.get_tensor(one["index"]), one)[0] for one in self._exits]
        boxes, scores = _decode_cells(*found, min_score) if len(found) == 2 else self._boxes(found[0], min_score)
        height, width = picture.shape[:2]
        return best_of(fit.back(boxes, width, height), scores)

    def _boxes(self, rows: NDArray[Any], min_score: float) -> tuple[NDArray[Any], NDArray[Any]]:
        if rows.shape[1] == 5 and rows.shape[0] != 5:
            keep = rows[:, 4] > min_score
            return rows[keep, :4], rows[keep, 4]
        keep = rows[4] > min_score
        sides = np.array([self._width, self._height] * 2, np.float32)[:, None]
        columns = rows[:4, keep]
        if rows[:4].max(initial=0) <= 2:
            columns = columns * sides
        cx, cy, w, h = columns
        return np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], axis=1), rows[4, keep]


def _decode_cells(
    score_logits: NDArray[Any], box_logits: NDArray[Any], min_score: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Boxes (n, 4) in input pixels and their scores, of logits (h, w, 1) and (h, w, 4)."""
    scores = 1 / (1 + np.exp(-score_logits[..., 0]))
    row, column = np.nonzero(scores > min_score)
    centres = (np.stack([column, row], axis=1) + 0.5) * _STRIDE_PX
    distances = np.exp(np.clip(box_logits[row, column], -_LOGIT_LIMIT, _LOGIT_LIMIT)) * _UNIT_PX
    boxes = np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)
    return boxes.astype(np.float32), scores[row, column]


def _interpreter(path: Path, use_edgetpu: bool) -> tuple[Any, str]:
    """The interpreter of whichever runtime is installed, and who runs the model."""
    module = _runtime()
    if use_edgetpu:
        try:
            delegate = module.load_delegate(_EDGETPU_LIBRARY)
            return module.Interpreter(model_path=str(path), experimental_delegates=[delegate]), "EdgeTPU"
        except (OSError, ValueError) as error:
            raise BackendUnavailable(f"no Edge TPU here ({_EDGETPU_LIBRARY}: {error}); use the CPU model") from error
    try:
        return module.Interpreter(model_path=str(path), num_threads=1), "CPU"
    except (ValueError, RuntimeError) as error:
        raise BackendUnavailable(f"TFLite cannot load {path.name}: {error}") from error


def _runtime() -> Any:
    try:
        from ai_edge_litert import interpreter

        return interpreter
    except ImportError:
        pass
    if int(np.__version__.split(".")[0]) >= 2:
        raise BackendUnavailable("no ai_edge_litert here, and tflite_runtime cannot live with numpy 2: install [edge]")
    try:
        from tflite_runtime import interpreter

        return interpreter
    except ImportError as error:
        raise BackendUnavailable("neither ai_edge_litert nor tflite_runtime is installed: install [edge]") from error


def _quantised(tensor: NDArray[Any], detail: Any) -> NDArray[Any]:
    scale, zero = detail["quantization"]
    if not scale:
        return tensor.astype(detail["dtype"])
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.round(tensor / scale) + zero, limits.min, limits.max).astype(detail["dtype"])


def _real(tensor: NDArray[Any], detail: Any) -> NDArray[Any]:
    scale, zero = detail["quantization"]
    return (tensor.astype(np.float32) - zero) * scale if scale else tensor.astype(np.float32)
