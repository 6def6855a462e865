"""A plate reader on PaddleOCR's recognition network (CTC), run by ONNX Runtime without its package's code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dashtools.backends.sessions import Network
from dashtools.errors import BackendUnavailable
from dashtools.files import sha256_of
from dashtools.model import PlateRead

_HEIGHT_PX = 48  # the input height PP-OCR's recognisers are trained with
_WIDTH_PX = 320
PLATE_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class OnnxPlateReader:
    """Reads one line of A-Z and 0-9 with a confidence for each character; see ports.PlateReader."""

    def __init__(
        self, path: Path, *, name: str | None = None, digest: str | None = None, vram_limit_bytes: int | None = None
    ) -> None:
        self.name = name or path.stem
        self.digest = digest or sha256_of(path)
        self._network = Network(path, vram_limit_bytes=vram_limit_bytes)
        self._input = self._network.session.get_inputs()[0].name
        self._upper, self._lower = _columns(self._network.session, path)

    @property
    def provider(self) -> str:
        """What really runs the network."""
        return self._network.provider

    def read(self, crop: NDArray[Any]) -> PlateRead:
        """The text of one BGR crop, upper-case; empty text when there is none."""
        if min(crop.shape[:2]) < 2:
            return PlateRead("", ())
        (probabilities,) = self._network.run(None, {self._input: _tensor(crop)})
        return collapse(plate_signs(probabilities[0], self._upper, self._lower), PLATE_SIGNS)

    def read_cases_apart(self, crop: NDArray[Any]) -> PlateRead:
        """The reading of most pipelines: each sign in each case stands alone, and nothing else is there."""
        if min(crop.shape[:2]) < 2:
            return PlateRead("", ())
        (probabilities,) = self._network.run(None, {self._input: _tensor(crop)})
        signs = PLATE_SIGNS + "".join(PLATE_SIGNS[place] for place in self._lower)
        return collapse(probabilities[0][:, [0, *self._upper, *self._lower.values()]], signs)


def plate_signs(probabilities: NDArray[Any], upper: Sequence[int], lower: Mapping[int, int]) -> NDArray[Any]:
    """(steps, 1 + signs): none of a plate's signs, then each of them in upper or lower case.

    `upper` holds each sign's column, `lower` by a letter's place that of its lower case. What the network takes for a
    dash, a dot or an emblem is no sign of a plate: left out beforehand, it would turn into what looks most like it.
    """
    signs = probabilities[:, list(upper)]
    signs[:, list(lower)] += probabilities[:, list(lower.values())]
    return np.concatenate([1 - signs.sum(axis=1, keepdims=True), signs], axis=1)


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
            confidence = round(min(1.0, float(probabilities[step, column])), 4)
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


def _columns(session: Any, path: Path) -> tuple[list[int], dict[int, int]]:
    """The output column of each of a plate's signs, and by a letter's place that of its lower case."""
    listed = session.get_modelmeta().custom_metadata_map.get("character")
    if not listed:
        raise BackendUnavailable(f"{path.name} names no characters in its metadata; it is no PaddleOCR recogniser")
    column = {sign: i for i, sign in enumerate(listed.splitlines(), 1)}
    missing = "".join(sign for sign in PLATE_SIGNS if sign not in column)
    if missing:
        raise BackendUnavailable(f"{path.name} cannot read {missing}; a reader of plates needs A-Z and 0-9")
    lower = {i: column[s.lower()] for i, s in enumerate(PLATE_SIGNS) if s.isalpha() and s.lower() in column}
    return [column[sign] for sign in PLATE_SIGNS], lower
