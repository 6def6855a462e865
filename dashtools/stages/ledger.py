"""Why each frame was not kept, and which dropped ones are looked at anyway."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass
class Ledger:
    """One reason for every dropped frame, as runs of frame numbers."""

    _runs: dict[str, list[list[int]]] = field(default_factory=dict)

    def drop(self, frame_index: int, reason: str) -> None:
        """Notes a dropped frame; frames of one reason are noted in rising order."""
        runs = self._runs.setdefault(reason, [])
        if runs and runs[-1][1] == frame_index - 1:
            runs[-1][1] = frame_index
        else:
            runs.append([frame_index, frame_index])

    def runs(self) -> dict[str, list[list[int]]]:
        """Reason to [first, last] runs, reasons in alphabetical order.

        >>> ledger = Ledger()
        >>> for number in (1, 2, 5): ledger.drop(number, "sampling")
        >>> ledger.runs()
        {'sampling': [[1, 2], [5, 5]]}
        """
        return {reason: [list(run) for run in self._runs[reason]] for reason in sorted(self._runs)}

    def counts(self) -> dict[str, int]:
        """Reason to number of frames."""
        return {reason: sum(last - first + 1 for first, last in runs) for reason, runs in self.runs().items()}


def is_audited(seed: str, frame_index: int, share: float) -> bool:
    """Is this dropped frame one of the random `share` that goes on anyway? The same answer on every run.

    >>> sum(is_audited("clip", number, 0.01) for number in range(10_000)) in range(70, 130)
    True
    """
    digest = hashlib.sha256(f"{seed}:{frame_index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64
