"""What was done to the index."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Report:
    """What a refresh or a rebuild did."""

    added: int = 0
    removed: int = 0
    leaves_read: int = 0
    notes: int = 0
    seconds: float = 0.0

    @property
    def is_changed(self) -> bool:
        return bool(self.added or self.removed or self.notes)
