"""A limit of GPU memory reaches the networks, shared between detector and reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashtools.devices.tools import build_tools


@pytest.mark.parametrize(("limit_gb", "each"), [(None, None), (4, 2 << 30)], ids=["no limit", "4 GiB"])
def test_each_network_gets_its_part(tmp_path: Path, monkeypatch, limit_gb, each) -> None:
    asked = []
    monkeypatch.setattr("dashtools.backends.onnx.OnnxPlateDetector", lambda path, **options: asked.append(options))
    (tmp_path / "own.onnx").write_bytes(b"model")
    settings = {"yolo_model_path": str(tmp_path / "own.onnx"), "vram_limit_gb": limit_gb}
    _ = build_tools(settings).detector
    assert asked == [{"vram_limit_bytes": each}]
