"""Weights are right or an error, never silently others."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashtools.devices import models
from dashtools.devices.tools import build_tools
from dashtools.errors import BackendUnavailable, Usage


def test_missing_weights_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match="dc-models install platedet"):
        models.find("platedet").verified(tmp_path)


def test_other_bytes_under_the_right_name_are_an_error(tmp_path: Path) -> None:
    model = models.find("platedet")
    path = model.locate(tmp_path)
    assert path is not None
    path.write_bytes(b"something else")
    assert model.state(tmp_path) == "wrong"
    with pytest.raises(BackendUnavailable, match="not platedet's weights"):
        build_tools({}, tmp_path).detector.detect(None, 0.1)  # type: ignore[arg-type]


def test_an_unknown_model_lists_the_known_ones() -> None:
    with pytest.raises(Usage, match="platedet"):
        models.find("yolo99")


def test_a_configured_file_that_is_absent_is_an_error(tmp_path: Path) -> None:
    tools = build_tools({"yolo_model_path": str(tmp_path / "own.onnx"), "ocr_model_path": str(tmp_path / "own2.onnx")})
    with pytest.raises(BackendUnavailable, match=r"own\.onnx"):
        _ = tools.detector
    with pytest.raises(BackendUnavailable, match=r"own2\.onnx"):
        _ = tools.reader
