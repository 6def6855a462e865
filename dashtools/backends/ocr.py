"""A plate reader on PaddleOCR's recognition network (CTC), run by ONNX Runtime without its package's code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dashtools.backends.onnx import open_session
from dashtools.errors import BackendUnavailable
from dashtools.files import sha256_of
from dashtools.model import PlateRead

_HEIGHT_PX = 48  # the input height PP-OCR's recognisers are trained with
_WIDTH_PX = 320
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class OnnxPlateReader:
    """Reads one line of A-Z and 0-9 with a confidence for each character; see ports.PlateReader."""

    def __init__(self, path: Path, *, name: str | None = None, digest: str | None = None) -> None:
        self.name = name or path.stem
        self.digest = digest or sha256_of(path)
        self._session = open_session(path)
        self.provider = self._session.get_providers()[0]
        self._input = self._session.get_inputs()[0].name
        self._columns, self._signs = _columns(self._session, path)

    def read(self, crop: NDArray[Any]) -> PlateRead:
        """The text of one BGR crop, upper-case; empty text when there is none."""
        if min(crop.shape[:2]) < 2:
            return PlateRead("", ())
        (probabilities,) = self._session.run(None, {self._input: _tensor(crop)})
        return collapse(probabilities[0][:, self._columns], self._signs)


def collapse(probabilities: NDArray[Any], signs: str) -> PlateRead:
    """The greedy CTC reading of (steps, 1 + signs) probabilities whose first column is the blank.

    A character that lasts several steps has the confidence of its best one.
    """
    best = probabilities.argmax(axis=1)
    text: list[str] = []
    confidences: list[float] = []
    last = 0
    for step, column in enumerate(best):
        if column != 0:
            confidence = round(float(probabilities[step, column]), 4)
            if column != last:
                text.append(signs[column - 1].upper())
                confidences.append(confidence)
            else:
                confidences[-1] = max(confidences[-1], confidence)
        last = column
    return PlateRead("".join(text), tuple(confidences))


def _tensor(crop: NDArray[Any]) -> NDArray[Any]:
    """A crop as (1, 3, 48, 320), aspect kept up to the full width, zeros to the right."""
    rows, columns = crop.shape[:2]
    width = min(_WIDTH_PX, max(8, -(-_HEIGHT_PX * columns // rows)))
    scaled = cv2.resize(crop, (width, _HEIGHT_PX), interpolation=cv2.INTER_LINEAR)
    tensor = np.zeros((1, 3, _HEIGHT_PX, _WIDTH_PX), np.float32)
    tensor[0, :, :, :width] = scaled.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1
    return tensor


def _columns(session: Any, path: Path) -> tuple[list[int], str]:
    """The output columns that plates can use (the blank first), and their signs."""
    listed = session.get_modelmeta().custom_metadata_map.get("character")
    if not listed:
        raise BackendUnavailable(f"{path.name} names no characters in its metadata; it is no PaddleOCR recogniser")
    signs = listed.splitlines()
    usable = [(i + 1, sign) for i, sign in enumerate(signs) if len(sign) == 1 and sign in _ALPHABET]
    return [0] + [column for column, _ in usable], "".join(sign for _, sign in usable)
