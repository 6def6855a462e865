"""Says when each fix of a log was in a clip that began within the log: by the clip's name, else by its end."""

from __future__ import annotations

from collections.abc import Sequence

from dashtools.backends.nmea import name_clock_ms

ZONE_STEP_MS = 900_000
MAX_ZONE_MS = 14 * 3_600_000
NAME_SLACK_MS = 2000
UNKNOWN_DURATION_S = 300
ASSUMED_MS = 1000  # how far off a start that had to be assumed may well be
AT_END = "the clip's start is not known: it is taken to end at the last fix"


def video_times(stamps_ms: Sequence[int], stem: str, duration_s: float) -> tuple[list[int], str | None]:
    """Milliseconds after the clip's start of each stamp (any order), and a note where the start was assumed."""
    start_ms, note = clip_start_ms(min(stamps_ms), stem, duration_s), None
    if start_ms is None:
        # a receiver without a fix is mostly one that has just been switched on: the end of a clip is the safer anchor
        spare_ms = 1000 * duration_s - 1000 - (max(stamps_ms) - min(stamps_ms))
        start_ms = min(stamps_ms) - max(0, round(spare_ms / 1000) * 1000)
        note = AT_END
    return [max(0, stamp_ms - start_ms) for stamp_ms in stamps_ms], note


def clip_start_ms(first_ms: int, stem: str, duration_s: float, *, slack_ms: int = NAME_SLACK_MS) -> int | None:
    """The clip's start on the log's clock, from the name's local time with its zone rounded away.

    None where the stamp would lie outside the clip by more than `slack_ms`.
    """
    duration_s = duration_s or UNKNOWN_DURATION_S
    name_ms = name_clock_ms(stem)
    if name_ms is None:
        return None
    lead = first_ms - name_ms
    zone = round((lead - min(lead % ZONE_STEP_MS, 1000 * duration_s)) / ZONE_STEP_MS) * ZONE_STEP_MS
    within = -slack_ms <= lead - zone <= 1000 * duration_s + slack_ms
    return min(name_ms + zone, first_ms) if within and abs(zone) <= MAX_ZONE_MS else None
