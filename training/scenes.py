"""Training crops: real dashcam frames with their own plates, synthetic plates and decoys pasted in."""

from __future__ import annotations

import json
import math
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from render_plates import Renderer

REPORT_GAP_S = 15
"""Frames nearer than this to a second of the reporting sets neither train nor choose a threshold."""
HELD_BACK = {
    "dayride_type1_001": ((1165, 1372), (1449, 9999)),
    "dayride_type1_002": ((0, 9999),),
    "nightride_type3_001": ((460, 9999),),
}
GREY_BGR = (114, 114, 114)
Boxes = list[tuple[float, float, float, float]]


@dataclass
class Scene:
    """A picture with its plates; boxes to ignore are cut, tiny or hidden ones."""

    bgr: NDArray[np.uint8]
    plates: Boxes = field(default_factory=list)
    ignored: Boxes = field(default_factory=list)


def reporting_seconds(shared: Path) -> set[tuple[str, int]]:
    """(ride, second) of every frame that reports: stills and tracks of the same camera."""
    seconds = set()
    for name in json.loads((shared / "plate_stills_dashcam/truth.json").read_text()):
        ride, second = re.fullmatch(r"(.*)_t(\d+)\.png", name).groups()
        seconds.add((ride, int(second)))
    for path in sorted((shared / "plate_tracks").glob("*.json")):
        truth = json.loads(path.read_text())
        ride = re.search(r"(\w+)\.mp4 t=", truth["source"]).group(1)
        seconds |= {(ride, int(frame["source_t"])) for frame in truth["frames"]}
    return seconds


def split(shared: Path) -> tuple[list[str], list[str]]:
    """Names of the frames that train and of those held back, each well away from the reporting seconds."""
    truth = json.loads((shared / "plate_train_dashcam/truth.json").read_text())
    taken = reporting_seconds(shared)
    train, held = [], []
    for name, frame in sorted(truth.items()):
        if any(ride == frame["ride"] and abs(second - frame["t_s"]) <= REPORT_GAP_S for ride, second in taken):
            continue
        is_held = any(first <= frame["t_s"] <= last for first, last in HELD_BACK[frame["ride"]])
        (held if is_held else train).append(name)
    return train, held


def load(shared: Path, names: list[str]) -> list[Scene]:
    """The named frames of plate_train_dashcam, decoded."""
    folder = shared / "plate_train_dashcam"
    truth = json.loads((folder / "truth.json").read_text())
    return [Scene(cv2.imread(str(folder / name)), [tuple(box) for box in truth[name]["boxes"]]) for name in names]


def corners_of(box: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """(4, 2), from the upper left on with the clock."""
    left, top, right, bottom = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


class CropMaker:
    """Draws square training crops; all chance comes from one seed."""

    mosaic_share = 0.12

    def __init__(self, scenes: list[Scene], renderer: Renderer, seed: int, *, plain_share: float = 0.35) -> None:
        self.scenes, self.renderer = scenes, renderer
        self.plate_until = 1 - plain_share
        self.rng, self.noise = random.Random(seed), np.random.default_rng(seed)
        self.plates = [np.asarray(renderer.plate(self.rng)) for _ in range(300)]
        self.decoys = [np.asarray(renderer.decoy(self.rng)) for _ in range(200)]

    def crop(self, side_px: int) -> Scene:
        """One augmented crop: a mosaic of four now and then, otherwise a single view."""
        if self.rng.random() < self.mosaic_share:
            half = side_px // 2
            scene = Scene(np.empty((side_px, side_px, 3), np.uint8))
            for y in (0, half):
                for x in (0, half):
                    one = self._view(half)
                    scene.bgr[y : y + half, x : x + half] = one.bgr
                    scene.plates += [(a + x, b + y, c + x, d + y) for a, b, c, d in one.plates]
                    scene.ignored += [(a + x, b + y, c + x, d + y) for a, b, c, d in one.ignored]
        else:
            scene = self._view(side_px)
        scene.bgr = self._camera(scene.bgr)
        return scene

    def _view(self, side_px: int) -> Scene:
        rng = self.rng
        pick = rng.random()
        is_on_plate = pick < self.plate_until
        scene = self._procedural(side_px) if pick < 0.1 else self._window(rng.choice(self.scenes), side_px, is_on_plate)
        for _ in range(rng.choice((0, 0, 1, 2, 3))):
            self._paste(scene, self._fresh(self.decoys, self.renderer.decoy), is_plate=False)
        if pick < 0.1 or rng.random() < (0.35 if is_on_plate else 0.6):
            for _ in range(rng.choice((1, 1, 2, 3))):
                self._paste(scene, self._fresh(self.plates, self.renderer.plate), is_plate=True)
        return scene

    def _fresh(self, pool: list[NDArray[np.uint8]], draw) -> NDArray[np.uint8]:
        """A picture of the pool, one in five drawn anew."""
        at = self.rng.randrange(len(pool))
        if self.rng.random() < 0.2:
            pool[at] = np.asarray(draw(self.rng))
        return pool[at]

    def _window(self, scene: Scene, side_px: int, is_on_plate: bool) -> Scene:
        """A turned, scaled, perhaps mirrored window of a real frame, on a plate or anywhere."""
        rng = self.rng
        height, width = scene.bgr.shape[:2]
        box = rng.choice(scene.plates) if scene.plates else (width / 2, height / 2, width / 2 + 90, height / 2 + 20)
        scale = math.exp(rng.uniform(math.log(0.38), math.log(1.6)))
        scale = min(max(scale, 20 / (box[2] - box[0])), 0.8 * side_px / (box[2] - box[0]), 3.0)
        half = side_px / 2 / scale
        if is_on_plate:
            x, y = (
                rng.uniform(box[0] - half * 0.6, box[2] + half * 0.6),
                rng.uniform(box[1] - half * 0.8, box[3] + half * 0.8),
            )
        else:
            x, y = rng.uniform(0, width), rng.uniform(0, height)
        if rng.random() < 0.85:
            x = min(max(x, min(half, width / 2)), max(width - half, width / 2))
            y = min(max(y, min(half, height / 2)), max(height - half, height / 2))
        turn = math.radians(rng.uniform(-6, 6)) if rng.random() < 0.4 else 0.0
        wide = scale * rng.uniform(0.88, 1.12) * rng.choice((-1, 1))
        turning = np.array(
            [[wide * math.cos(turn), -scale * math.sin(turn)], [wide * math.sin(turn), scale * math.cos(turn)]]
        )
        shift = np.array([side_px / 2, side_px / 2]) - turning @ np.array([x, y])
        matrix = np.concatenate([turning, shift[:, None]], 1)
        how = cv2.INTER_AREA if scale < 0.6 else cv2.INTER_LINEAR
        source = cv2.GaussianBlur(scene.bgr, (0, 0), 0.4 / scale) if scale < 0.6 else scene.bgr
        out = Scene(cv2.warpAffine(source, matrix, (side_px, side_px), flags=how, borderValue=GREY_BGR))
        for box in scene.plates:
            self._add_box(out, corners_of(box) @ turning.T + shift, side_px)
        for box in scene.ignored:
            x1, y1, x2, y2 = (
                float(v) for ends in (np.min, np.max) for v in ends(corners_of(box) @ turning.T + shift, 0)
            )
            if x2 > 0 and y2 > 0 and x1 < side_px and y1 < side_px:
                out.ignored.append((x1, y1, x2, y2))
        return out

    @staticmethod
    def _add_box(scene: Scene, corners: NDArray[np.float64], side_px: int) -> None:
        """The visible part as a plate; what is cut below 40 % or narrower than 12 px as ignored."""
        (x1, y1), (x2, y2) = corners.min(0), corners.max(0)
        seen = (max(x1, 0.0), max(y1, 0.0), min(x2, float(side_px)), min(y2, float(side_px)))
        if seen[2] - seen[0] < 3 or seen[3] - seen[1] < 2:
            return
        share = (seen[2] - seen[0]) * (seen[3] - seen[1]) / ((x2 - x1) * (y2 - y1))
        (scene.plates if share > 0.4 and seen[2] - seen[0] > 12 else scene.ignored).append(seen)

    def _procedural(self, side_px: int) -> Scene:
        """A made-up background: sky to road, boxes like cars and walls."""
        rng = self.rng
        top, bottom = (np.array([rng.randint(0, 235) for _ in range(3)]) for _ in range(2))
        ramp = np.linspace(0, 1, side_px)[:, None, None]
        bgr = np.broadcast_to(top * (1 - ramp) + bottom * ramp, (side_px, side_px, 3)).astype(np.uint8).copy()
        for _ in range(rng.randint(3, 14)):
            colour = tuple(rng.randint(0, 255) for _ in range(3))
            x, y = rng.randint(-40, side_px), rng.randint(-40, side_px)
            corner = (x + rng.randint(10, 220), y + rng.randint(8, 160))
            if rng.random() < 0.7:
                cv2.rectangle(bgr, (x, y), corner, colour, rng.choice((-1, -1, -1, 2)))
            else:
                cv2.ellipse(
                    bgr, (x, y), (rng.randint(5, 90), rng.randint(5, 60)), rng.randint(0, 180), 0, 360, colour, -1
                )
        return Scene(cv2.GaussianBlur(bgr, (0, 0), rng.uniform(0.5, 2.0)))

    def _paste(self, scene: Scene, picture: NDArray[np.uint8], *, is_plate: bool) -> None:
        """A picture laid into the scene in perspective, as bright as its place; never over a plate."""
        rng, side_px = self.rng, scene.bgr.shape[0]
        width = math.exp(rng.uniform(math.log(18), math.log(min(220, side_px * 0.7))))
        height = width * picture.shape[0] / picture.shape[1]
        at = np.array([rng.uniform(-0.1, 1.1 - width / side_px * 0.8), rng.uniform(0, 1)]) * side_px
        corners = self._perspective(width, height) + at
        (x1, y1), (x2, y2) = corners.min(0), corners.max(0)
        dx, dy = (x2 - x1) * rng.uniform(0.05, 0.6), (y2 - y1) * rng.uniform(0.1, 1.2)
        panel = (x1 - dx, y1 - dy, x2 + dx, y2 + dy)
        if any(
            panel[0] < c and a < panel[2] and panel[1] < d and b < panel[3]
            for a, b, c, d in scene.plates + scene.ignored
        ):
            return
        if is_plate and rng.random() < 0.5:
            self._recess(scene.bgr, panel)
        flat = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * (picture.shape[1], picture.shape[0])
        matrix = cv2.getPerspectiveTransform(flat.astype(np.float32), corners.astype(np.float32))
        shrink = picture.shape[1] / width
        source = cv2.GaussianBlur(picture, (0, 0), 0.4 * shrink) if shrink > 1.3 else picture
        laid = cv2.warpPerspective(source, matrix, (side_px, side_px), flags=cv2.INTER_LINEAR)
        around = scene.bgr[max(0, int(y1)) : int(y2) + 1, max(0, int(x1)) : int(x2) + 1]
        light = 0.5 + (around.mean() / 255 if around.size else 0.4) * rng.uniform(0.4, 1.1)
        light = light if rng.random() < 0.8 else rng.uniform(0.25, 1.5)
        alpha = cv2.GaussianBlur(laid[..., 3], (3, 3), 0).astype(np.float32)[..., None] / 255
        colour = np.clip(laid[..., 2::-1].astype(np.float32) * light + rng.uniform(-15, 25), 0, 255)
        if is_plate and rng.random() < 0.3:
            colour = cv2.GaussianBlur(colour, (0, 0), rng.uniform(0.5, 1.5))
        scene.bgr = (scene.bgr * (1 - alpha) + colour * alpha).astype(np.uint8)
        if is_plate:
            self._add_box(scene, corners, side_px)

    def _perspective(self, width: float, height: float) -> NDArray[np.float64]:
        """Corners of a plate seen a little from the side, origin at its upper left."""
        rng = self.rng
        turn, shear = math.radians(rng.gauss(0, 4)), rng.gauss(0, 0.06)
        squeeze = rng.uniform(0.6, 1.0) if rng.random() < 0.3 else 1.0
        corners = np.array([[0, 0], [width * squeeze, 0], [width * squeeze, height], [0, height]])
        turning = np.array([[math.cos(turn), -math.sin(turn) + shear], [math.sin(turn) + shear, math.cos(turn)]])
        jitter = self.noise.normal(0, 0.02, (4, 2)) * (width * 0.5, height)
        return corners @ turning.T + jitter

    def _recess(self, bgr: NDArray[np.uint8], panel: tuple[float, float, float, float]) -> None:
        """A darker or car-coloured panel where a plate will lie."""
        rng = self.rng
        brightest = 90 if rng.random() < 0.6 else 255
        colour = tuple(rng.randint(0, brightest) for _ in range(3))
        cv2.rectangle(bgr, (int(panel[0]), int(panel[1])), (int(panel[2]), int(panel[3])), colour, -1)

    def _camera(self, bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Light, colour cast (NoIR pink too), night, blur, noise and compression."""
        rng, x = self.rng, bgr.astype(np.float32)
        if rng.random() < 0.4:  # grey world: takes this one camera's pink away
            x *= 1 + rng.uniform(0.4, 1) * (x.mean() / (x.mean((0, 1)) + 1) - 1)
        if rng.random() < 0.8:
            x = (x - 128) * rng.uniform(0.55, 1.35) + 128 + rng.uniform(-40, 40)
        if rng.random() < 0.5:
            x *= np.array([rng.uniform(0.75, 1.3), rng.uniform(0.7, 1.1), rng.uniform(0.75, 1.35)], np.float32)
        if rng.random() < 0.12:
            x = np.repeat(x.mean(2, keepdims=True), 3, 2)
        x = np.clip(x, 0, 255)
        if rng.random() < 0.3:
            x = 255 * (x / 255) ** rng.uniform(0.5, 2.2)
        if rng.random() < 0.15:
            x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.5, 1.5))
        elif rng.random() < 0.15:
            reach = rng.choice((3, 5, 7))
            x = cv2.blur(x, (reach, 1) if rng.random() < 0.7 else (1, reach))
        if rng.random() < 0.3:
            x = x + self.noise.standard_normal(x.shape, np.float32) * rng.uniform(2, 14)
        x = np.clip(x, 0, 255).astype(np.uint8)
        if rng.random() < 0.25:
            x = cv2.imdecode(cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, rng.randint(25, 80)])[1], 1)
        return x
