"""A camera's track as subtitles: place, speed and time, a line a fix."""

from __future__ import annotations

from datetime import timedelta

from dashtools.model import Fix, Track
from dashtools.times import from_text

LONGEST_MS = 2000  # a fix says nothing of later moments


def to_srt(track: Track, recorded_at: str | None, duration_ms: int) -> str:
    """SubRip text with an entry for each valid fix, until the next one; empty when there is none.

    >>> print(to_srt(Track("x", (Fix(0, True, 52.25, 20.8, 10.0, 90.0),)), "2024-01-15T14:25:00Z", 1500))
    1
    00:00:00,000 --> 00:00:01,500
    2024-01-15 14:25:00Z  52.25000 20.80000  36 km/h  90°
    <BLANKLINE>
    <BLANKLINE>
    """
    fixes = [fix for fix in track.fixes if fix.t_ms < duration_ms]
    entries = []
    for fix, following in zip(fixes, [*fixes[1:], None]):
        end_ms = min(fix.t_ms + LONGEST_MS, duration_ms, following.t_ms if following else duration_ms)
        start_ms = max(0, fix.t_ms)
        if fix.is_valid and fix.latitude is not None and fix.longitude is not None and start_ms < end_ms:
            times = f"{_clock(start_ms)} --> {_clock(end_ms)}"
            entries.append(f"{len(entries) + 1}\n{times}\n{_line(fix, recorded_at)}\n\n")
    return "".join(entries)


def _clock(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{rest:03d}"


def _line(fix: Fix, recorded_at: str | None) -> str:
    words = []
    if fix.utc is not None or recorded_at is not None:
        when = from_text(fix.utc) if fix.utc else from_text(str(recorded_at)) + timedelta(milliseconds=fix.t_ms)
        words.append(f"{when:%Y-%m-%d %H:%M:%S}Z")
    words.append(f"{fix.latitude:.5f} {fix.longitude:.5f}")
    if fix.speed_mps is not None:
        words.append(f"{fix.speed_mps * 3.6:.0f} km/h")
    if fix.bearing_deg is not None:
        words.append(f"{fix.bearing_deg:.0f}°")
    return "  ".join(words)
