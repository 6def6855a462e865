"""What fills a stage's ports on this host, as the settings choose; nothing is loaded before it is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from dashtools.devices import models
from dashtools.errors import BackendUnavailable
from dashtools.ports import Decoder, Detector, PlateReader

_NETWORKS = 2


class Tools:
    """Decoder, detector, proposer and reader of one worker; each is made once, when first used."""

    def __init__(self, settings: Mapping[str, Any], models_folder: Path | None = None) -> None:
        self.settings = settings
        self.folder = models_folder

    @cached_property
    def decoder(self) -> Decoder:
        from dashtools.backends.decode import PyavDecoder

        return PyavDecoder()

    @cached_property
    def detector(self) -> Detector:
        """The full-resolution detector: the user's own file, or a known model."""
        own = self.settings.get("yolo_model_path")
        if own:
            return self._own_detector(Path(own))
        return self._known_detector(self.settings.get("detector") or "platedet")

    @cached_property
    def proposer(self) -> Detector:
        """The light detector of PREPROCESS, a known one or the user's own file."""
        name = self.settings.get("proposer") or self.settings.get("detector") or "platedet"
        if "/" in name:
            return self._own_detector(Path(name))
        if name == (self.settings.get("detector") or "platedet"):
            return self.detector
        return self._known_detector(name)

    @cached_property
    def reader(self) -> PlateReader:
        """The plate reader: the user's own file, or a known model."""
        from dashtools.backends.ocr import OnnxPlateReader

        own = self.settings.get("ocr_model_path")
        if own:
            return OnnxPlateReader(_existing(Path(own)), vram_limit_bytes=self._vram_limit_bytes)
        model = models.find(self.settings.get("reader") or "ppocrv6")
        if model.name == "ppocrv6" and model.locate(Path()) is None:
            model = models.find("ppocrv4")  # the older package is accepted where it is what is installed
        path = model.verified(self.folder)
        return OnnxPlateReader(path, name=model.name, digest=model.sha256, vram_limit_bytes=self._vram_limit_bytes)

    @property
    def _vram_limit_bytes(self) -> int | None:
        """What one network may take of a GPU: a detector and a reader share the limit of their worker."""
        limit_gb = self.settings.get("vram_limit_gb")
        return None if limit_gb is None else round(float(limit_gb) / _NETWORKS * 2**30)

    def _own_detector(self, path: Path) -> Detector:
        if _existing(path).suffix == ".tflite":
            from dashtools.backends.tflite import TflitePlateDetector

            return TflitePlateDetector(path, use_edgetpu=path.stem.endswith("_edgetpu"))
        from dashtools.backends.onnx import OnnxPlateDetector

        return OnnxPlateDetector(path, vram_limit_bytes=self._vram_limit_bytes)

    def _known_detector(self, name: str) -> Detector:
        from dashtools.backends.onnx import OnnxBoxesDetector, OnnxHeadsDetector

        model = models.find(name)
        path = model.verified(self.folder)
        if path.suffix == ".tflite":
            from dashtools.backends.tflite import TflitePlateDetector

            return TflitePlateDetector(path, name=name, digest=model.sha256)
        if model.kind != "proposer":
            return OnnxHeadsDetector(path, name=name, digest=model.sha256, vram_limit_bytes=self._vram_limit_bytes)
        usual_score = json.loads(path.with_suffix(".json").read_bytes())["min_score"]
        return OnnxBoxesDetector(
            path, name=name, digest=model.sha256, usual_score=usual_score, vram_limit_bytes=self._vram_limit_bytes
        )


def build_tools(settings: Mapping[str, Any], models_folder: Path | None = None) -> Tools:
    """The tools of this host for these settings; BackendUnavailable comes when a missing one is first used."""
    return Tools(settings, models_folder)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise BackendUnavailable(f"the configured model {path} does not exist; see dc-config explain yolo_model_path")
    return path
