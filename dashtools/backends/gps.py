"""The GPS readers in the order they are asked: exact ones first, ExifTool for the rest."""

from __future__ import annotations

from pathlib import Path

from dashtools.backends.exiftool import ExiftoolGps
from dashtools.backends.garmin import GarminBoxGps
from dashtools.backends.gps_70mai import MaiBoxGps, MaiLogGps
from dashtools.backends.gps_blackvue import BlackVueGps, LogGps, SidecarGps
from dashtools.backends.gps_boxes import Gps0Gps, LocationGps
from dashtools.backends.gps_ligo import LigoGps
from dashtools.backends.gps_novatek import NovatekGps, NovatekScanGps, UnreadBlocksGps
from dashtools.backends.gps_sidecars import GpxGps, SrtGps
from dashtools.backends.gps_tesla import TeslaEventGps, TeslaGps
from dashtools.backends.gps_tracks import TimedTrackGps
from dashtools.ports import GpsReader

LOGS: dict[str, GpsReader] = {
    ".gps": LogGps(),
    ".nmea": LogGps(),
    ".map": LogGps(),
    ".txt": MaiLogGps(),
    ".gpx": GpxGps(),
    ".srt": SrtGps(),
}


def readers() -> tuple[GpsReader, ...]:
    """Every reader; the first that finds fixes counts. Those that read the whole file come late."""
    boxes = (NovatekGps(), BlackVueGps(), TimedTrackGps(), MaiBoxGps(), Gps0Gps(), GarminBoxGps())
    embedded = (*boxes, LigoGps(), TeslaGps())
    beside = (SidecarGps(), MaiLogGps(), GpxGps(), SrtGps())
    return (*embedded, *beside, NovatekScanGps(), ExiftoolGps(), LocationGps(), TeslaEventGps(), UnreadBlocksGps())


def log_readers(path: Path) -> tuple[GpsReader, ...]:
    """The reader for a log given in place of a clip; none for a clip."""
    reader = LOGS.get(path.suffix.lower())
    return () if reader is None else (reader,)
