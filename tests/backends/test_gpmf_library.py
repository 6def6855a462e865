"""Our GPMF decoder and the telemetry-parser library, where that has a wheel, find the same in a real GoPro clip."""

from __future__ import annotations

import pytest

from dashtools.backends.gps_tracks import TimedTrackGps

library = pytest.importorskip("telemetry_parser", reason="no wheel for CPython 3.13")


@pytest.mark.realdata
def test_every_fix_of_a_hero5_is_the_librarys(realdata, clip_facts):
    path = realdata / "gps" / "hero5-trimmed.mp4"
    theirs = [
        row for payload in library.Parser(str(path)).telemetry() for row in payload.get("GPS", {}).get("Data", ())
    ]
    ours = TimedTrackGps().read(path, clip_facts()).fixes
    assert len(ours) == len(theirs) == 36
    assert [[fix.latitude, fix.longitude, fix.altitude_m, fix.speed_mps] for fix in ours] == [
        [latitude / 1e7, longitude / 1e7, altitude / 1e3, speed / 1e3]
        for latitude, longitude, altitude, speed, _ in theirs
    ]
