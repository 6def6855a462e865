"""A made-up road as a camera behind the windscreen sees it, with cars whose plates are known.

Flat road, pinhole camera; x is metres to the right, z metres ahead. Everything follows from the seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dashtools.backends.synth_plates import PLATE_HEIGHT_M, PLATE_WIDTH_M, draw_plate

CAMERA_HEIGHT_M, FOCAL_WIDTHS, HORIZON_SHARE = 1.3, 1.25, 0.46
NEAR_M, FAR_M = 3.0, 130.0
LANE_M, ROAD_HALF_M, DASH_M = 2.8, 4.2, 6.0
SKY_TOP, SKY_LOW, GRASS, ASPHALT, PAINT = (190, 150, 110), (225, 214, 200), (62, 98, 84), (84, 82, 80), (205, 208, 210)
CAR_COLOURS = (
    (50, 50, 185),
    (165, 95, 45),
    (150, 152, 156),
    (190, 196, 198),
    (70, 130, 75),
    (120, 160, 180),
    (96, 84, 78),
)
LIGHT = 0.5
"""Dusk: at full light the flat colours look so unlike a photograph that detectors doubt the plates."""
LENS_BLUR_PX, GRAIN = 0.8, 3.5
"""Blur at a width of 1280 px; grain as a standard deviation of grey levels."""
LEGIBLE_PX = 70
"""A plate this wide and fully in view can be read in these clips."""
Bgr = tuple[int, int, int]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Car:
    """A vehicle with its plate; `z_at` gives metres ahead at a drive time in seconds."""

    text: str
    x_m: float
    z_at: Callable[[float], float]
    colour: Bgr
    is_oncoming: bool
    width_m: float = 1.8
    height_m: float = 1.45
    plate_height_m: float = 0.72


@dataclass(frozen=True)
class Seen:
    """A plate in one frame: its text without spaces, its box in pixels, whether it can be read."""

    text: str
    box: tuple[float, float, float, float]
    is_legible: bool


class Scene:
    """Renders the drive frame by frame; `travelled_m` gives the way driven at a drive time."""

    def __init__(
        self, width: int, height: int, cars: Sequence[Car], travelled_m: Callable[[float], float], seed: int
    ) -> None:
        self.width, self.height, self.cars, self.travelled_m = width, height, cars, travelled_m
        self.focal_px = FOCAL_WIDTHS * width
        self.seed = seed
        self.plates = {car.text: draw_plate(car.text) for car in cars}
        grain = np.random.default_rng(seed)
        tiles = [cv2.GaussianBlur(grain.normal(0, GRAIN * 1.8, (height, width)), (0, 0), 0.7) for _ in range(3)]
        self.noise = [np.repeat(tile.round().astype(np.int8)[..., None], 3, axis=2) for tile in tiles]
        self.backdrop = self._backdrop()

    def frame(self, time_s: float, number: int) -> tuple[Picture, list[Seen]]:
        """The picture at a drive time and every plate in it that is at least 16 px wide and not hidden."""
        horizon = self.height * HORIZON_SHARE + 1.2 * math.sin(time_s * 5.1) * self.height / 720
        picture = self.backdrop.copy()
        self._road(picture, horizon, self.travelled_m(time_s))
        standing = [(thing[0], thing) for thing in self._roadside(self.travelled_m(time_s))]
        cars = [(car.z_at(time_s), car) for car in self.cars]
        seen: list[Seen] = []
        for z, thing in sorted(standing + cars, key=lambda pair: -pair[0]):
            if not NEAR_M < z < FAR_M:
                continue
            if isinstance(thing, Car):
                self._car(picture, thing, z, horizon)
                seen = behind(seen, self._outline(thing, z, horizon))
                plate = self._plate(picture, thing, z, horizon)
                seen += [plate] if plate is not None else []
            else:
                self._thing(picture, thing, horizon)
        return self._camera(picture, number), seen

    def _at(self, x_m: float, up_m: float, z_m: float, horizon: float) -> tuple[int, int]:
        """Pixel of a point; `up_m` is its height over the road."""
        scale = self.focal_px / z_m
        return round(self.width / 2 + x_m * scale), round(horizon + (CAMERA_HEIGHT_M - up_m) * scale)

    def _backdrop(self) -> Picture:
        """Sky, hills and grass: what does not move."""
        horizon = round(self.height * HORIZON_SHARE)
        share = np.linspace(0, 1, self.height)[:, None, None] ** 0.7
        sky = np.array(SKY_TOP) * (1 - share) + np.array(SKY_LOW) * share
        picture = np.broadcast_to(sky, (self.height, self.width, 3)).astype(np.uint8).copy()
        rng = random.Random(self.seed)
        heights = [rng.uniform(0.01, 0.09) * self.height for _ in range(14)]
        line = [(round(k * self.width / 13), round(horizon - up)) for k, up in enumerate(heights)]
        cv2.fillPoly(picture, [np.array([(0, horizon + 4), *line, (self.width, horizon + 4)])], (140, 132, 112))
        picture[horizon:] = GRASS
        return picture

    def _road(self, picture: Picture, horizon: float, travelled: float) -> None:
        """Asphalt, edge lines and the dashes between the lanes, moved by the way driven."""

        def strip(left: float, right: float, near: float, far: float, colour: Bgr) -> None:
            corners = [(left, near), (right, near), (right, far), (left, far)]
            cv2.fillConvexPoly(picture, np.array([self._at(x, 0, z, horizon) for x, z in corners]), colour, cv2.LINE_AA)

        strip(-ROAD_HALF_M, ROAD_HALF_M, NEAR_M / 2, FAR_M * 4, ASPHALT)
        for edge in (-ROAD_HALF_M + 0.2, ROAD_HALF_M - 0.3):
            strip(edge, edge + 0.12, NEAR_M / 2, FAR_M, PAINT)
        first = -(travelled % (2 * DASH_M))
        for number in range(int(FAR_M / DASH_M / 2) + 2):
            near = first + number * 2 * DASH_M
            if near + DASH_M > NEAR_M / 2:
                strip(-LANE_M / 2 - 0.07, -LANE_M / 2 + 0.07, max(near, NEAR_M / 2), near + DASH_M, PAINT)

    def _roadside(self, travelled: float) -> list[tuple[float, str, float, float, float, Bgr]]:
        """(z, kind, x, width, height, colour) of trees and houses, the same at the same place of the road."""
        things = []
        for number in range(int(travelled / 9), int((travelled + FAR_M) / 9) + 1):
            rng = random.Random(f"{self.seed}/{number}")
            for side in (-1, 1):
                z = number * 9 + rng.uniform(0, 6) - travelled
                if rng.random() < 0.45:
                    x, shade = side * rng.uniform(7, 9), rng.randint(-15, 25)
                    things.append((z, "tree", x, rng.uniform(2, 4), rng.uniform(4, 7), (45, 85 + shade, 50)))
                elif rng.random() < 0.6:
                    tint = rng.randint(110, 190)
                    colour = (tint - rng.randint(0, 40), tint, tint + rng.randint(0, 30))
                    things.append((z, "house", side * rng.uniform(13, 18), 8.0, rng.uniform(5, 10), colour))
        return things

    def _thing(self, picture: Picture, thing: tuple[float, str, float, float, float, Bgr], horizon: float) -> None:
        z, kind, x, wide, high, colour = thing
        if kind == "house":
            left, right = self._at(x - wide / 2, high, z, horizon), self._at(x + wide / 2, 0, z, horizon)
            cv2.rectangle(picture, left, right, colour, -1)
            for row in range(int(high // 2.5)):
                for column in (-2.5, 0, 2.5):
                    up = 2.2 + row * 2.5
                    corners = (
                        self._at(x + column - 0.5, up, z, horizon),
                        self._at(x + column + 0.5, up - 1.2, z, horizon),
                    )
                    cv2.rectangle(picture, *corners, (70, 60, 55), -1)
            return
        cv2.rectangle(
            picture, self._at(x - 0.15, high / 2, z, horizon), self._at(x + 0.15, 0, z, horizon), (40, 55, 70), -1
        )
        scale = self.focal_px / z
        axes = (max(1, round(wide / 2 * scale)), max(1, round(high / 3 * scale)))
        cv2.ellipse(picture, self._at(x, high * 0.66, z, horizon), axes, 0, 0, 360, colour, -1, cv2.LINE_AA)

    def _car(self, picture: Picture, car: Car, z: float, horizon: float) -> None:
        """The body as seen from behind (or ahead), and its side where it shows."""
        half, top = car.width_m / 2, car.height_m

        def quad(points: Sequence[tuple[float, float, float]], colour: Bgr) -> None:
            pixels = np.array([self._at(x + car.x_m, up, away, horizon) for x, up, away in points])
            cv2.fillConvexPoly(picture, pixels, colour, cv2.LINE_AA)

        dark = tuple(int(c * 0.6) for c in car.colour)
        light = tuple(min(255, int(c * 1.15) + 8) for c in car.colour)
        quad([(-half - 0.1, 0, z), (half + 0.1, 0, z), (half, 0, z + 4), (-half, 0, z + 4)], (42, 42, 42))
        if abs(car.x_m) > half:
            inner = -half if car.x_m > 0 else half
            quad([(inner, 0.25, z), (inner, 0.95, z), (inner, 0.95, z + 4.2), (inner, 0.25, z + 4.2)], dark)
            quad([(inner, 0.95, z), (inner * 0.8, top, z + 0.8), (inner * 0.8, top, z + 3), (inner, 0.95, z + 4)], dark)
        for wheel in (-half + 0.15, half - 0.15):
            quad(
                [(wheel - 0.12, 0, z), (wheel + 0.12, 0, z), (wheel + 0.12, 0.4, z), (wheel - 0.12, 0.4, z)],
                (22, 22, 22),
            )
        quad([(-half, 0.9, z), (half, 0.9, z), (half * 0.8, top, z + 0.5), (-half * 0.8, top, z + 0.5)], light)
        glass = [
            (-half * 0.85, 0.98, z),
            (half * 0.85, 0.98, z),
            (half * 0.7, top - 0.1, z + 0.4),
            (-half * 0.7, top - 0.1, z + 0.4),
        ]
        quad(glass, (66, 60, 52))
        quad([(-half, 0.28, z), (half, 0.28, z), (half, 0.95, z), (-half, 0.95, z)], car.colour)
        quad([(-half, 0.28, z), (half, 0.28, z), (half, 0.48, z), (-half, 0.48, z)], dark)
        lamp = (235, 245, 250) if car.is_oncoming else (40, 35, 190)
        for side in (-1, 1):
            inner, outer = side * (half - 0.38), side * (half - 0.04)
            quad([(inner, 0.72, z), (outer, 0.72, z), (outer, 0.9, z), (inner, 0.9, z)], lamp)
        low, high = car.plate_height_m - 0.1, car.plate_height_m + 0.13
        quad([(-0.42, low, z), (0.42, low, z), (0.42, high, z), (-0.42, high, z)], dark)
        quad([(-0.6, high, z), (0.6, high, z), (0.6, high + 0.015, z), (-0.6, high + 0.015, z)], (20, 20, 20))

    def _outline(self, car: Car, z: float, horizon: float) -> list[tuple[float, float, float, float]]:
        """The boxes that a car covers: its body, and its narrower cabin."""
        parts = ((car.width_m / 2, 0.95, 0.28), (car.width_m * 0.44, car.height_m, 0.95))
        return [
            (*self._at(car.x_m - half, high, z, horizon), *self._at(car.x_m + half, low, z, horizon))
            for half, high, low in parts
        ]

    def _plate(self, picture: Picture, car: Car, z: float, horizon: float) -> Seen | None:
        """Lays the plate on the car with sub-pixel accuracy; None when it is too small or out of the picture."""
        scale = self.focal_px / z
        wide, high = PLATE_WIDTH_M * scale, PLATE_HEIGHT_M * scale
        x1 = self.width / 2 + car.x_m * scale - wide / 2
        y1 = horizon + (CAMERA_HEIGHT_M - car.plate_height_m) * scale - high / 2
        box = (max(x1, 0.0), max(y1, 0.0), min(x1 + wide, float(self.width)), min(y1 + high, float(self.height)))
        if wide < 4 or box[2] - box[0] < wide * 0.3 or box[3] - box[1] < high * 0.3:
            return None
        plate = self.plates[car.text]
        shrink = plate.shape[1] / wide
        source = cv2.GaussianBlur(plate, (0, 0), 0.38 * shrink) if shrink > 1.2 else plate
        left, top, right, bottom = int(box[0]), int(box[1]), math.ceil(box[2]), math.ceil(box[3])
        scaling = np.array([[wide / plate.shape[1], 0, x1 - left], [0, high / plate.shape[0], y1 - top]])
        size = (right - left, bottom - top)
        laid = cv2.warpAffine(source, scaling, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        picture[top:bottom, left:right] = (laid * 0.94).astype(np.uint8)
        if wide < 16:
            return None
        is_whole = x1 >= 0 and y1 >= 0 and x1 + wide <= self.width and y1 + high <= self.height
        rounded = tuple(round(float(side), 1) for side in box)
        return Seen(car.text.replace(" ", ""), rounded, is_whole and wide >= LEGIBLE_PX)  # type: ignore[arg-type]

    def _camera(self, picture: Picture, number: int) -> Picture:
        """Dusk, a soft lens and sensor noise that differs from frame to frame."""
        soft = cv2.GaussianBlur(cv2.convertScaleAbs(picture, alpha=LIGHT), (0, 0), LENS_BLUR_PX * self.width / 1280)
        grain = np.roll(self.noise[number % 3], (number * 37) % self.width, axis=1)
        return cv2.add(soft, grain, dtype=cv2.CV_8U)


def behind(seen: Sequence[Seen], outline: Sequence[tuple[float, float, float, float]]) -> list[Seen]:
    """The plates that a nearer car leaves to see; one hidden by a tenth or more cannot be read."""
    left = []
    for plate in seen:
        hidden = sum(covered(plate.box, part) for part in outline)
        if hidden < 0.5:
            left.append(replace(plate, is_legible=plate.is_legible and hidden < 0.1))
    return left


def covered(box: tuple[float, float, float, float], by: tuple[float, float, float, float]) -> float:
    """The share of a box that lies under another.

    >>> covered((0, 0, 10, 10), (5, 0, 20, 20))
    0.5
    """
    wide = min(box[2], by[2]) - max(box[0], by[0])
    high = min(box[3], by[3]) - max(box[1], by[1])
    return max(0.0, wide) * max(0.0, high) / ((box[2] - box[0]) * (box[3] - box[1]))
