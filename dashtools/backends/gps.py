"""The GPS readers in the order they are asked: exact ones first, ExifTool for the rest."""

from __future__ import annotations

from dashtools.backends.exiftool import ExiftoolGps
from dashtools.backends.gps_blackvue import BlackVueGps, SidecarGps
from dashtools.backends.gps_novatek import NovatekGps
from dashtools.ports import GpsReader


def readers() -> tuple[GpsReader, ...]:
    """Every reader; the first that finds fixes counts."""
    return NovatekGps(), BlackVueGps(), SidecarGps(), ExiftoolGps()
