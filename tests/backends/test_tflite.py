"""The TFLite detector without a model at hand: what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashtools.backends.tflite import TflitePlateDetector
from dashtools.errors import BackendUnavailable


def test_a_missing_model_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match="dc-models install"):
        TflitePlateDetector(tmp_path / "none.tflite")


def test_bytes_that_are_no_model_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"not a model at all")
    with pytest.raises(BackendUnavailable):
        TflitePlateDetector(tmp_path / "bad.tflite")
