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


class TflitePlateDetector:
    """An int8 or float .tflite with one output of YOLO columns or of boxes; see ports.Detector.

    Understands (1, 5, n) and (1, n, 5): the first as cx, cy, w, h, score (YOLOv8 export, shares of the input
    where no value exceeds 2), the second as x1, y1, x2, y2, score in input pixels (our own network).
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
        self._exit = self._runner.get_output_details()[0]
        _, self._height, self._width, channels = self._entry["shape"]
        if channels != 3 or len(self._exit["shape"]) != 3:
            raise BackendUnavailable(f"{path.name}: wants one picture in and one (1, rows, columns) tensor out")

    def detect(self, picture: NDArray[Any], min_score: float) -> list[Detection]:
        """Plates in a BGR picture, boxes in its pixels, after NMS, best score first."""
        tensor, fit = letterbox(picture, int(self._width), int(self._height))
        self._runner.set_tensor(self._entry["index"], _quantised(tensor.transpose(0, 2, 3, 1), self._entry))
        self._runner.invoke()
        rows = _real(self._runner.get_tensor(self._exit["index"]), self._exit)[0]
        boxes, scores = self._boxes(rows, min_score)
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
