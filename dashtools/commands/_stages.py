"""Which tools fill the ports of each stage on this host; nothing heavy is imported before a stage is built."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dashtools.attempt import Builder
from dashtools.config import Config
from dashtools.geodesy import Circle
from dashtools.ports import Stage

if TYPE_CHECKING:
    from dashtools.devices.tools import Tools


def stage_tools(config: Config) -> dict[str, Builder]:
    """A builder for each task type; building raises BackendUnavailable when a model or library is missing."""
    shared = functools.cache(lambda: _seeing(config))
    return {
        "INGEST_VIDEO": lambda: _ingest(config.home_zones()),
        "PREPROCESS_VIDEO": lambda: _preproc(shared()),
        "HEAVY_PROCESS_VIDEO": lambda: _heavy(shared()),
        "ARCHIVE_VIDEO": _archive,
        "FINALIZE_VIDEO": _finalize,
    }


def _ingest(zones: Sequence[Circle]) -> Stage:
    from dashtools.backends.decode import PyavDecoder
    from dashtools.backends.gps import readers
    from dashtools.backends.mp4 import check_container
    from dashtools.stages.home import AwayFromHome
    from dashtools.stages.ingest import IngestStage

    return IngestStage(PyavDecoder(), [AwayFromHome(reader, zones) for reader in readers()], check_container)


def _seeing(config: Config) -> Tools:
    from dashtools.devices.tools import build_tools

    return build_tools(config.processing, config.models_dir)


def _preproc(tools: Tools) -> Stage:
    from dashtools.stages.preproc import PreprocStage

    return PreprocStage(tools.decoder, tools.proposer)


def _heavy(tools: Tools) -> Stage:
    from dashtools.stages.heavy import HeavyStage

    return HeavyStage(tools.decoder, tools.detector, tools.reader)


def _archive() -> Stage:
    from dashtools.backends.decode import PyavDecoder
    from dashtools.backends.ffmpeg import FfmpegEncoder
    from dashtools.stages.archive import ArchiveStage

    return ArchiveStage(FfmpegEncoder(), PyavDecoder())


def _finalize() -> Stage:
    from dashtools.stages.finalize import FinalizeStage

    return FinalizeStage()
