"""A trip as something to play: its clips side by side in time, the way it went, and what the speed says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dashtools.index import queries
from dashtools.index.moments import parsed
from dashtools.index.views import Clip, Media, Point

CHANNELS = ("front", "rear", "interior")
MOVING_MPS = 1.5  # GPS speed of a parked car wanders below this
HARD_MPS2 = 4.0  # about 0.4 g, what insurers' boxes call harsh braking
NEXT_FIX_MS = (500, 2000)  # two fixes further apart say nothing of how hard one braked
ONE_STOP_MS = 4000


@dataclass(frozen=True)
class Piece:
    """A clip in its lane, from `start_ms` after the trip began."""

    clip: Clip
    media: Media | None
    start_ms: int

    @property
    def end_ms(self) -> int:
        return self.start_ms + (self.clip.duration_ms or 0)


@dataclass(frozen=True)
class Lane:
    """The clips of one view in their order."""

    channel: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Figures:
    """What the speed of a way says; None where there is none."""

    top_mps: float | None
    moving_mps: float | None
    moving_ms: int
    stopped_ms: int
    hard_brakes: tuple[Point, ...]


def playable(connection: sqlite3.Connection, video_id: str) -> Media | None:
    """The file to play: the small copy, else the original as the camera left it."""
    for kind in ("video_lowres", "video"):
        found = queries.artifacts(connection, video_id, kind)
        if found:
            return found[0]
    return None


def lanes(connection: sqlite3.Connection, clips: Sequence[Clip]) -> list[Lane]:
    """The views of a trip, the front first; clips without a time follow each other."""
    began = min((m for m in (parsed(clip.recorded_at) for clip in clips) if m is not None), default=None)
    by_channel: dict[str, list[Piece]] = {}
    for clip in clips:
        channel = clip.channel if clip.channel in CHANNELS[1:] else "front"
        own = by_channel.setdefault(channel, [])
        at = parsed(clip.recorded_at)
        start_ms = own[-1].end_ms if own else 0
        if at is not None and began is not None:
            start_ms = round((at - began).total_seconds() * 1000)
        own.append(Piece(clip, playable(connection, clip.video_id), start_ms))
    return [Lane(channel, tuple(by_channel[channel])) for channel in CHANNELS if channel in by_channel]


def way(connection: sqlite3.Connection, lane: Lane) -> list[Point]:
    """The places of a lane's clips, in milliseconds since the trip began."""
    found: list[Point] = []
    for piece in lane.pieces:
        for point in queries.route(connection, piece.clip.video_id):
            at_ms = piece.start_ms + point.t_ms
            found.append(Point(at_ms, point.latitude, point.longitude, point.speed_mps, point.bearing_deg))
    return found


def figures(points: Sequence[Point]) -> Figures:
    """Top and mean speed, time on the move and standing, and where it was braked hard."""
    moving_ms = stopped_ms = 0
    travelled = 0.0
    for a, b in _steps(points):
        step_ms = b.t_ms - a.t_ms
        if (b.speed_mps or 0.0) >= MOVING_MPS:
            moving_ms += step_ms
            travelled += (b.speed_mps or 0.0) * step_ms / 1000
        else:
            stopped_ms += step_ms
    speeds = [point.speed_mps for point in points if point.speed_mps is not None]
    mean = travelled / (moving_ms / 1000) if moving_ms else None
    return Figures(max(speeds, default=None), mean, moving_ms, stopped_ms, tuple(_brakes(points)))


def _steps(points: Sequence[Point]) -> Iterator[tuple[Point, Point]]:
    for a, b in zip(points, points[1:]):
        if 0 < b.t_ms - a.t_ms <= 10_000 and b.speed_mps is not None:
            yield a, b


def _brakes(points: Iterable[Point]) -> Iterator[Point]:
    before: Point | None = None
    last_ms = -ONE_STOP_MS
    for point in points:
        if point.speed_mps is None:
            continue
        if before is None:
            before = point
            continue
        step_ms = point.t_ms - before.t_ms
        if step_ms < NEXT_FIX_MS[0]:
            continue  # several fixes a second: measured over at least half of one
        slowed = ((before.speed_mps or 0.0) - point.speed_mps) / (step_ms / 1000)
        if step_ms <= NEXT_FIX_MS[1] and slowed >= HARD_MPS2:
            if point.t_ms - last_ms >= ONE_STOP_MS:
                yield point
            last_ms = point.t_ms
        before = point
