"""What each scope may do."""

from __future__ import annotations

SCOPES = ("read", "work", "admin")


def may(have: str | None, need: str) -> bool:
    """Is one scope enough for what another is needed for?

    >>> may("work", "read"), may("read", "admin"), may(None, "read")
    (True, False, False)
    """
    return have in SCOPES and SCOPES.index(have) >= SCOPES.index(need)
