"""Progress on a terminal's last line of stderr; silent everywhere else."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence

from dashtools.ports import Progress, ServedTask
from dashtools.spool.queue import Claim, Spool

OFF = "DASHTOOLS_NO_PROGRESS"
"""Set in the environment of worker processes whose parent draws one line for all."""


class Line:
    """One line that is drawn over, at most ten times a second."""

    def __init__(self) -> None:
        self._is_live = sys.stderr.isatty() and os.environ.get(OFF) is None
        self._drawn_at = 0.0
        self._is_drawn = False

    def show(self, text: str) -> None:
        if not self._is_live or time.monotonic() - self._drawn_at < 0.1:
            return
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{text[:width]}")
        sys.stderr.flush()
        self._drawn_at, self._is_drawn = time.monotonic(), True

    def clear(self) -> None:
        """Wipes the line, so that a log line can stand there."""
        if self._is_drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._is_drawn = False


def drawn(share: float, width: int = 24) -> str:
    """A bar of text.

    >>> drawn(0.5, 4)
    '##--'
    """
    full = round(min(1.0, max(0.0, share)) * width)
    return "#" * full + "-" * (width - full)


class TaskBar:
    """Shows how far the task at hand is."""

    def __init__(self) -> None:
        self._line = Line()
        self.clear: Callable[[], None] = self._line.clear

    def of(self, held: Claim | ServedTask) -> Progress:
        """The progress function of one attempt."""
        started = time.monotonic()
        name = f"{held.task.task_type} {held.task.metadata.get('clip', held.task.video_id)}"
        duration_s = held.task.metadata.get("duration_s") or 0.0

        def progress(share: float, what: str) -> None:
            spent_s, ahead = time.monotonic() - started, ""
            if share > 0.02 and spent_s > 0:
                rate = f"  {share * duration_s / spent_s:.1f}x" if duration_s else ""
                ahead = f"{rate}  {spent_s * (1 - share) / share:.0f} s left"
            self._line.show(f"{name} [{drawn(share)}] {share:4.0%} {what}{ahead}")

        return progress


class QueueBar:
    """Shows how much of what was pending is done, the rate, and when it will be empty.

    A task's children come only after it: what is left is counted in stages, one for each that a clip still has to go
    through.
    """

    def __init__(self, spool: Spool, task_types: Sequence[str]) -> None:
        from dashtools.model import TASK_TYPES

        self._spool, self._types = spool, set(task_types)
        self._order = [name for name in TASK_TYPES[:5] if name in self._types]
        self._line = Line()
        self._started = time.monotonic()
        self._first_left: int | None = None
        self.clear: Callable[[], None] = self._line.clear

    def draw(self) -> None:
        """Looks at the spool and redraws."""
        if not sys.stderr.isatty():
            return
        left = self._left()
        if self._first_left is None or left > self._first_left:
            self._first_left = left
        done, total = self._first_left - left, self._first_left
        spent_s = time.monotonic() - self._started
        rate = done / spent_s if spent_s > 0 else 0.0
        eta = f"{left / rate:.0f} s left" if rate > 0 else "..."
        self._line.show(f"[{drawn(done / max(1, total))}] {done} of {total} steps, {rate * 60:.1f} a minute, {eta}")

    def _left(self) -> int:
        steps = {name: len(self._order) - index for index, name in enumerate(self._order)}
        return sum(steps.get(entry.task_type, 0) for entry in self._spool.pending() if entry.state != "delayed")
