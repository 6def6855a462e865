"""Wall-clock times of moments in a clip."""

from __future__ import annotations

from datetime import datetime, timedelta

from dashtools.times import from_text


def parsed(text: str | None) -> datetime | None:
    """The aware time of RFC 3339 text; None for none or for what is no time."""
    if not text:
        return None
    try:
        return from_text(text)
    except ValueError:
        return None


def moment(recorded_at: str | None, pts_ms: int | None) -> str | None:
    """When a moment of a clip was, in UTC with milliseconds: of one width, so that text sorts by time.

    >>> moment("2024-01-15T14:25:00Z", 1500)
    '2024-01-15T14:25:01.500Z'
    """
    start = parsed(recorded_at)
    if start is None:
        return None
    return stamp(start + timedelta(milliseconds=pts_ms or 0))


def stamp(when: datetime) -> str:
    """UTC text with milliseconds."""
    return when.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
