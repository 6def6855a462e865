"""Times inside are aware UTC; text is RFC 3339 with a Z."""

from __future__ import annotations

from datetime import datetime, timezone

UTC = timezone.utc


def utc_now() -> datetime:
    """The present, aware, by this host's clock."""
    return datetime.now(UTC)


def from_seconds(seconds: float) -> datetime:
    """The aware time of a POSIX time stamp."""
    return datetime.fromtimestamp(seconds, UTC)


def to_text(when: datetime) -> str:
    """RFC 3339 text in UTC, with as many digits as there are.

    >>> to_text(datetime(2024, 1, 15, 14, 25, tzinfo=UTC))
    '2024-01-15T14:25:00Z'
    """
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The aware time that RFC 3339 text says; text without a zone is refused.

    >>> from_text("2024-01-15T16:25:00+02:00").hour
    14
    """
    when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if when.tzinfo is None:
        raise ValueError(f"{text!r} has no zone; write it as UTC with a trailing Z")
    return when.astimezone(UTC)
