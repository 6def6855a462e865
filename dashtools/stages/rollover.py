"""Puts right the stamps of old receivers, whose week counter of ten bits began anew: off by 1024 weeks or twice that.

Positions and times of day are right in such a track; only the date is of another decade. The camera's clock tells.
"""

from __future__ import annotations

import statistics
from dataclasses import replace
from datetime import datetime, timedelta

from dashtools.model import Track
from dashtools.times import UTC, from_text, to_text

PERIOD = timedelta(weeks=1024)
SLACK = timedelta(days=3)  # of zones, and of a camera's clock that is roughly right
MAX_PERIODS = 2
NOTE = "the receiver's dates were {weeks} weeks early and are put right by the camera's clock"


def put_right(track: Track, camera_time: datetime | None) -> Track:
    """The track with its dates moved by whole periods, and a note; itself where nothing says that it must be.

    `camera_time` is naive or aware: no zone matters at this scale.
    """
    stamps = [from_text(fix.utc) for fix in track.fixes if fix.is_valid and fix.utc]
    if camera_time is None or not stamps:
        return track
    lag = camera_time.replace(tzinfo=UTC) - statistics.median_low(stamps)
    periods = round(lag / PERIOD)
    if not 1 <= periods <= MAX_PERIODS or abs(lag - periods * PERIOD) > SLACK:
        return track
    fixes = tuple(
        fix if fix.utc is None else replace(fix, utc=to_text(from_text(fix.utc) + periods * PERIOD))
        for fix in track.fixes
    )
    note = NOTE.format(weeks=1024 * periods)
    return replace(track, fixes=fixes, note=f"{track.note}; {note}" if track.note else note)
