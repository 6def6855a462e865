"""A short drive of known truth: clips with road, cars, plates and a GPS recording, named as Viofo names them."""

from __future__ import annotations

import io
import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from dashtools.backends.synth_gps import block, with_gps
from dashtools.backends.synth_plates import random_text
from dashtools.backends.synth_scene import CAR_COLOURS, Car, Scene, Seen
from dashtools.model import Fix

LOCAL_START = datetime(2024, 1, 15, 14, 23, 0)
UTC_OFFSET = timedelta(hours=1)
START_LATITUDE, START_LONGITUDE = 48.2082, 16.3719
METRES_PER_DEGREE = 111_195.0
STEP_S = 0.1
CODECS = ("libx264", "mpeg4")
PARKED_EVERY_M, PARKED_X_M, ONCOMING_X_M, ONCOMING_MPS = 28.0, 2.5, -2.7, 4.0


@dataclass(frozen=True)
class Plan:
    """What to make; the same plan gives the same pictures, plates and fixes."""

    clip_s: int = 12
    clips: int = 2
    fps: int = 10
    width: int = 1280
    height: int = 720
    seed: int = 1

    @property
    def void_slots(self) -> int:
        """Seconds at the start of the drive before the receiver has a fix."""
        return min(3, max(1, self.clip_s // 3))


def speed_mps(time_s: float) -> float:
    """The camera car's speed at a drive time.

    >>> round(speed_mps(0), 1)
    7.0
    """
    return 7.0 + 1.5 * math.sin(time_s / 6)


def travelled_m(time_s: float) -> float:
    """The way driven since the start: the integral of `speed_mps`.

    >>> travelled_m(0)
    0.0
    """
    return 7.0 * time_s + 9.0 * (1 - math.cos(time_s / 6))


def make_drive(folder: Path, plan: Plan) -> list[Path]:
    """The clips, written into a folder with a truth file (.json) beside each."""
    folder.mkdir(parents=True, exist_ok=True)
    scene = Scene(plan.width, plan.height, cars_of(plan), travelled_m, plan.seed)
    fixes = fixes_of(plan)
    paths = []
    for number in range(plan.clips):
        start = LOCAL_START + timedelta(seconds=number * plan.clip_s)
        path = folder / f"{start:%Y_%m%d_%H%M%S}_{number + 1:04d}F.MP4"
        own = [fix for fix in fixes if 0 <= fix.t_ms - number * plan.clip_s * 1000 < plan.clip_s * 1000]
        own = [Fix(**{**fix.to_json(), "t_ms": fix.t_ms - number * plan.clip_s * 1000}) for fix in own]
        mp4, seen = film(scene, plan, number)
        path.write_bytes(with_gps(mp4, [block(fix) for fix in own], plan.fps))
        truth = truth_of(path.name, plan, number, seen, own)
        path.with_suffix(".json").write_text(json.dumps(truth, indent=1) + "\n")
        paths.append(path)
    return paths


def cars_of(plan: Plan) -> list[Car]:
    """One car ahead per clip, oncoming ones and parked ones, each with a plate of its own."""
    rng = random.Random(plan.seed)
    texts: list[str] = []
    total_s = plan.clips * plan.clip_s

    def plate() -> str:
        while (text := random_text(rng)) in texts:
            pass
        texts.append(text)
        return text

    cars = []
    for number in range(plan.clips):
        middle = (number + 0.5) * plan.clip_s

        def ahead(time_s: float, middle: float = middle) -> float:
            return 5.8 + 60 * abs((time_s - middle) / (plan.clip_s / 2)) ** 2.5

        cars.append(Car(plate(), rng.uniform(-0.2, 0.2), ahead, rng.choice(CAR_COLOURS), False))
    shares = (0.3, 0.75) if plan.clip_s >= 8 else (0.6,)
    for meet in [(number + share) * plan.clip_s for number in range(plan.clips) for share in shares]:

        def towards(time_s: float, meet: float = meet) -> float:
            return travelled_m(meet) - travelled_m(time_s) + ONCOMING_MPS * (meet - time_s) + 8.0

        cars.append(Car(plate(), ONCOMING_X_M, towards, rng.choice(CAR_COLOURS), True, plate_height_m=0.5))
    for number in range(1, int(travelled_m(total_s) / PARKED_EVERY_M) + 1):

        def parked(time_s: float, place: float = number * PARKED_EVERY_M) -> float:
            return place - travelled_m(time_s)

        cars.append(Car(plate(), PARKED_X_M, parked, rng.choice(CAR_COLOURS), False))
    return cars


def fixes_of(plan: Plan) -> list[Fix]:
    """One slot per second of the drive, void at its start; `t_ms` counts from the start of the drive."""
    fixes, latitude, longitude = [], START_LATITUDE, START_LONGITUDE
    for second in range(plan.clips * plan.clip_s):
        moment = (LOCAL_START - UTC_OFFSET + timedelta(seconds=second)).replace(tzinfo=timezone.utc)
        utc = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        if second < plan.void_slots:
            fixes.append(Fix(second * 1000, False, utc=utc))
        else:
            place = (round(latitude, 7), round(longitude, 7))
            fixes.append(
                Fix(second * 1000, True, *place, round(speed_mps(second), 3), round(bearing_deg(second), 2), utc=utc)
            )
        for step in range(round(1 / STEP_S)):
            now = second + step * STEP_S
            way, heading = speed_mps(now) * STEP_S / METRES_PER_DEGREE, math.radians(bearing_deg(now))
            latitude += way * math.cos(heading)
            longitude += way * math.sin(heading) / math.cos(math.radians(latitude))
    return fixes


def bearing_deg(time_s: float) -> float:
    """Where the camera car heads at a drive time, from north over east."""
    return 62.0 + 25.0 * math.sin(time_s / 11)


def film(scene: Scene, plan: Plan, number: int) -> tuple[bytes, list[list[Seen]]]:
    """One clip as a plain MP4 without faststart, and the plates of each of its frames."""
    target, seen = io.BytesIO(), []
    with av.open(target, "w", format="mp4") as container:
        start = (LOCAL_START - UTC_OFFSET + timedelta(seconds=number * plan.clip_s)).replace(tzinfo=timezone.utc)
        container.metadata["creation_time"] = f"{start:%Y-%m-%dT%H:%M:%SZ}"
        stream = container.add_stream(next(name for name in CODECS if name in av.codecs_available), rate=plan.fps)
        stream.width, stream.height, stream.pix_fmt = plan.width, plan.height, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.thread_count = plan.fps * 2, 1
        # without AQ and mbtree, which differ from run to run in some builds (PyAV 17's x264, 4 results in 24 runs)
        x264 = {"preset": "veryfast", "crf": "23", "x264-params": "aq-mode=0:mbtree=0"}
        stream.options = x264 if stream.codec_context.name == "libx264" else {"q": "3"}
        for index in range(plan.clip_s * plan.fps):
            picture, plates = scene.frame(number * plan.clip_s + index / plan.fps, number * 10_007 + index)
            seen.append(plates)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, plan.fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return target.getvalue(), seen


def truth_of(
    clip: str, plan: Plan, number: int, seen: Sequence[Sequence[Seen]], fixes: Sequence[Fix]
) -> dict[str, Any]:
    """Every plate of every frame and every fix; `plates` lists those legible in two frames or more."""
    legible: dict[str, int] = {}
    for plate in (plate for plates in seen for plate in plates if plate.is_legible):
        legible[plate.text] = legible.get(plate.text, 0) + 1
    frames = [
        {
            "frame": index,
            "source_t": round(number * plan.clip_s + index / plan.fps, 3),
            "repeat": False,
            "objects": [{"box": list(p.box), "text": p.text, "legible": p.is_legible} for p in plates],
        }
        for index, plates in enumerate(seen)
    ]
    return {
        "clip": clip,
        "source": f"dashtools synthetic drive, seed {plan.seed}",
        "fps": plan.fps,
        "size": [plan.width, plan.height],
        "note": "made up: no real place, vehicle or plate",
        "plates": sorted(text for text, count in legible.items() if count >= 2),
        "frames": frames,
        "fixes": [fix.to_json() for fix in fixes],
    }
