"""Clips, a detector and a reader of known answers for the seeing stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashtools.model import Detection, PlateRead
from dashtools.ports import ClipFacts, Damage

WIDTH, HEIGHT = 640, 360


@dataclass(frozen=True)
class FakeFrame:
    index: int
    pts_ms: int
    picture: NDArray[Any]
    is_keyframe: bool = True
    is_corrupt: bool = False

    def grey(self, step: int = 1) -> NDArray[Any]:
        return self.picture[::step, ::step, 1]

    def bgr(self) -> NDArray[Any]:
        return self.picture.copy()


@dataclass(frozen=True)
class Drawn:
    """A plate in one picture: left edge, width and a code that the fake reader knows."""

    x: int
    code: int
    width: int = 80


def scene(seed: int = 0, plates: tuple[Drawn, ...] = (), level: int = 90, contrast: int = 30) -> NDArray[Any]:
    """A noisy picture; a plate is a block of pure blue of its code's level at y 200."""
    noise = np.random.default_rng(seed).integers(-contrast, contrast + 1, (HEIGHT // 8, WIDTH // 8))
    grey = np.kron(noise, np.ones((8, 8), int)) + level
    picture = np.repeat(grey[:, :, None], 3, axis=2).clip(0, 240).astype(np.uint8)
    for plate in plates:
        picture[200 : 200 + plate.width // 4, plate.x : plate.x + plate.width] = (plate.code, 250, 0)
    return picture


@dataclass
class FakeDecoder:
    """Plays given pictures at given times."""

    pictures: list[NDArray[Any]]
    times_ms: list[int]
    drawn: int = 0
    name: str = "fake"
    version: str = "1"
    lost_frames: int = 0

    def facts(self, path: Path) -> ClipFacts:
        return ClipFacts(WIDTH, HEIGHT, "fake", self.times_ms[-1] / 1000, 30.0, len(self.pictures), 0, False)

    def frames(self, path: Path, damage: Damage | None = None) -> Iterator[FakeFrame]:
        for index, (picture, at_ms) in enumerate(zip(self.pictures, self.times_ms)):
            self.drawn += 1
            yield FakeFrame(index, at_ms, picture)
        if damage is not None:
            damage.lost_frames += self.lost_frames


@dataclass
class FakeDetector:
    """Finds the blocks that `scene` draws, each run of columns one plate."""

    name: str = "fake"
    digest: str = "d1"
    score: float = 0.8
    calls: int = 0

    def detect(self, picture: NDArray[Any], min_score: float) -> list[Detection]:
        self.calls += 1
        row = (picture[205, :, 1] == 250) & (picture[205, :, 2] == 0)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
        pairs = zip(edges[::2], edges[1::2])
        if self.score <= min_score:
            return []
        return [Detection(float(a), 200.0, float(b), 200.0 + float((b - a) // 4), self.score) for a, b in pairs]


@dataclass
class FakeReader:
    """Reads a plate's code as a text with a confidence."""

    texts: dict[int, tuple[str, float]] = field(default_factory=dict)
    name: str = "fake"
    digest: str = "r1"
    calls: int = 0

    def read(self, crop: NDArray[Any]) -> PlateRead:
        self.calls += 1
        middle = crop[crop.shape[0] // 2, crop.shape[1] // 2]
        text, confidence = self.texts.get(int(middle[0]), ("", 0.0))
        return PlateRead(text, (confidence,) * len(text))
