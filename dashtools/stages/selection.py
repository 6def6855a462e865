"""Which frames go on: sampled by real time, and not a duplicate, not dark, not blurred beside a sharp one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from dashtools.ports import Frame
from dashtools.stages import motion as motions
from dashtools.stages import quality
from dashtools.stages.ledger import Ledger, is_audited

_NEIGHBOUR_MS = 450  # frames this close show the same vehicles
_BLURRED_SHARE = 0.5  # of the sharpness of the sharper neighbour
_REFRESH_MS = 2000  # a still scene is looked at again after this long: light and glare change what is readable
_DETAIL_WIDTH_PX = 640


@dataclass(frozen=True)
class Rules:
    """How to select; `motion_threshold` is in the units of motion.motion."""

    sample_fps: float = 5.0
    motion_threshold: float = 0.15
    audit_share: float = 0.0
    audit_seed: str = ""
    detail_width_px: int = _DETAIL_WIDTH_PX
    is_withheld: Callable[[int], bool] = lambda pts_ms: False
    """Moments of which no picture may go on, not by lot either."""


@dataclass(frozen=True)
class Choice:
    """A frame that goes on, with its measures; `reason` is "sampled" or "audit".

    An audited frame was drawn by lot from those dropped; `instead_of` is the reason it was dropped for.
    """

    frame_index: int
    pts_ms: int
    picture: NDArray[Any]
    """BGR, an own copy."""
    motion: float
    sharpness: float
    brightness: float
    reason: str = "sampled"
    instead_of: str | None = None


@dataclass
class Selection:
    """Draws frames and gives those that go on; every other one is in the ledger under one reason.

    Holds one picture back: a frame is judged beside the sampled ones before and after it. An audited
    frame may therefore come before the frame in front of it.
    """

    rules: Rules
    ledger: Ledger = field(default_factory=Ledger)
    frames_total: int = 0
    _due_ms: float = 0.0
    _small: NDArray[Any] | None = None
    _small_ms: int = 0
    _waiting: Choice | None = None
    _before: Choice | None = None

    def choose(self, frames: Iterable[Frame]) -> Iterator[Choice]:
        """The kept frames."""
        for frame in frames:
            self.frames_total += 1
            if self.rules.is_withheld(frame.pts_ms):
                self.ledger.drop(frame.index, "home_zone")
                continue
            if not self._is_due(frame.pts_ms):
                yield from self._dropped(self._measure(frame) if self._is_audited(frame.index) else frame, "sampling")
                continue
            choice = self._measure(frame)
            reason = self._fault(choice, frame)
            if reason:
                yield from self._dropped(choice, reason)
                continue
            yield from self._judge_waiting(choice)
            self._before, self._waiting = self._waiting, choice
        yield from self._judge_waiting(None)

    def _is_due(self, at_ms: int) -> bool:
        """Is this the first frame of its sampling slot? Slots follow real time, whatever the frame rate."""
        step_ms = 1000 / self.rules.sample_fps
        if at_ms < self._due_ms - 0.1 * step_ms:
            return False
        self._due_ms = max(self._due_ms, at_ms - 0.5 * step_ms) + step_ms
        return True

    def _measure(self, frame: Frame) -> Choice:
        picture = frame.bgr()
        width = picture.shape[1]
        detail = frame.grey(max(1, round(width / self.rules.detail_width_px)))
        small = motions.block_means(frame.grey(max(1, width // (2 * motions.ANALYSIS_WIDTH_PX))))
        changed = 1.0 if self._small is None else motions.motion(self._small, small)
        return Choice(
            frame.index, frame.pts_ms, picture, changed, quality.sharpness(detail), quality.brightness(detail)
        )

    def _fault(self, choice: Choice, frame: Frame) -> str | None:
        """Why a sampled frame is dropped at once; a frame without fault becomes the one to compare with."""
        step = max(1, choice.picture.shape[1] // (2 * motions.ANALYSIS_WIDTH_PX))
        if quality.is_dark(frame.grey(step)):
            return "dark"
        is_fresh = self._small is not None and choice.pts_ms - self._small_ms < _REFRESH_MS
        if is_fresh and choice.motion < self.rules.motion_threshold:
            return "duplicate"
        self._small, self._small_ms = motions.block_means(frame.grey(step)), choice.pts_ms
        return None

    def _judge_waiting(self, after: Choice | None) -> Iterator[Choice]:
        if self._waiting is None:
            return
        if _is_blurred(self._waiting, self._before, after):
            yield from self._dropped(self._waiting, "blurred")
        else:
            yield self._waiting

    def _is_audited(self, frame_index: int) -> bool:
        return is_audited(self.rules.audit_seed, frame_index, self.rules.audit_share)

    def _dropped(self, item: Any, reason: str) -> Iterator[Choice]:
        """The frame itself where the lot falls on it, else nothing and a line in the ledger."""
        index = item.frame_index if isinstance(item, Choice) else item.index
        if isinstance(item, Choice) and self._is_audited(index):
            yield replace(item, reason="audit", instead_of=reason)
        else:
            self.ledger.drop(index, reason)


def _is_blurred(choice: Choice, before: Choice | None, after: Choice | None) -> bool:
    """Is a neighbour at nearly the same time at least twice as sharp?"""
    near = [n for n in (before, after) if n is not None and abs(n.pts_ms - choice.pts_ms) <= _NEIGHBOUR_MS]
    return any(choice.sharpness < _BLURRED_SHARE * n.sharpness for n in near)
