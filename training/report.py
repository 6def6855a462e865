"""Counts, Wilson intervals and seconds of a proposer on footage that neither trained nor tuned it.

python training/report.py SHARED_DATA dashtools/data/proposer.onnx > report.json
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scenes import load, split

SIZES = ((640, 384), (1280, 736))
MATCH_IOU, NMS_IOU = 0.5, 0.45
GRID = tuple(round(0.05 * k, 2) for k in range(1, 19))


@dataclass(frozen=True)
class Shot:
    """A picture, its plates and which of them a person can read."""

    bgr: NDArray[np.uint8]
    plates: NDArray[np.float32]
    is_legible: NDArray[np.bool_]


def wilson(hits: int, count: int) -> list[float]:
    """The 95 % interval of a share (Wilson 1927).

    >>> wilson(9, 10)
    [0.596, 0.982]
    """
    if count == 0:
        return [0.0, 1.0]
    z, share = 1.959964, hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return [round(middle - reach, 3), round(middle + reach, 3)]


def shot(bgr: NDArray[np.uint8], objects: list[dict]) -> Shot:
    plates = np.array([one["box"] for one in objects], np.float32).reshape(-1, 4)
    return Shot(bgr, plates, np.array([bool(one.get("legible")) for one in objects], bool))


def stills(shared: Path) -> list[Shot]:
    folder = shared / "plate_stills_dashcam"
    truth = json.loads((folder / "truth.json").read_text())
    return [shot(cv2.imread(str(folder / name)), frame["objects"]) for name, frame in truth.items()]


def tracks(shared: Path) -> list[Shot]:
    """The labelled frames of plate_tracks, repeated ones left out."""
    shots = []
    for path in sorted((shared / "plate_tracks").glob("*.json")):
        clip = cv2.VideoCapture(str(path.with_suffix(".mp4")))
        for frame in json.loads(path.read_text())["frames"]:
            is_there, bgr = clip.read()
            if is_there and not frame.get("repeat"):
                shots.append(shot(bgr, frame["objects"]))
    return shots


def openalpr(shared: Path, country: str) -> list[Shot]:
    shots = []
    for path in sorted((shared / f"plate_stills_openalpr_{country}").glob("*.txt")):
        name, *numbers = path.read_text().split()[:5]
        x, y, width, height = map(float, numbers)
        shots.append(
            shot(cv2.imread(str(path.parent / name)), [{"box": [x, y, x + width, y + height], "legible": True}])
        )
    return shots


def held_back(shared: Path) -> list[Shot]:
    scenes = load(shared, split(shared)[1])
    return [shot(one.bgr, [{"box": box, "legible": True} for box in one.plates]) for one in scenes]


class Proposer:
    """The ONNX file on one thread."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def boxes(self, bgr: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float32]:
        """Rows x1, y1, x2, y2, score after NMS, best first, in the picture's pixels."""
        scale = min(width / bgr.shape[1], height / bgr.shape[0])
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(bgr, (round(bgr.shape[1] * scale), round(bgr.shape[0] * scale)), interpolation=how)
        canvas = np.full((height, width, 3), 114, np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small
        image = np.ascontiguousarray(canvas[..., ::-1].transpose(2, 0, 1)[None]).astype(np.float32) / 255
        found = self.session.run(["boxes"], {"image": image})[0]
        found = found[np.argsort(-found[:, 4], kind="stable")[:2000]]
        kept = []
        while len(found):
            kept.append(found[0])
            found = found[1:][iou(found[:1], found[1:])[0] <= NMS_IOU]
        out = np.array(kept, np.float32).reshape(-1, 5)
        out[:, :4] /= scale
        return out


class Baseline:
    """A detector of one input size through dashtools' own backend: a YOLO export or our own .tflite."""

    def __init__(self, path: Path) -> None:
        from dashtools.backends.onnx import OnnxHeadsDetector, OnnxPlateDetector
        from dashtools.backends.tflite import TflitePlateDetector

        kind = OnnxHeadsDetector if path.stem.endswith("-heads") else OnnxPlateDetector
        self.detector = (TflitePlateDetector if path.suffix == ".tflite" else kind)(path)

    def boxes(self, bgr: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float32]:
        found = self.detector.detect(bgr, 0.02)
        return np.array([(d.x1, d.y1, d.x2, d.y2, d.score) for d in found], np.float32).reshape(-1, 5)


def iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """(len(a), len(b)) overlaps."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    shared = np.clip(high - low, 0, None).prod(2)
    area = [(x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1]) for x in (a, b)]
    return shared / (area[0][:, None] + area[1][None] - shared + 1e-9)


def matches(found: NDArray[np.float32], plates: NDArray[np.float32]) -> dict[int, float]:
    """Plate number -> IoU, each detection used once, best score first."""
    taken: dict[int, float] = {}
    overlap = iou(found, plates)
    for row in overlap:
        free = [(value, number) for number, value in enumerate(row) if number not in taken and value >= MATCH_IOU]
        if free:
            value, number = max(free)
            taken[number] = float(value)
    return taken


def at_score(shots: list[Shot], found: list[NDArray[np.float32]], score: float) -> dict[str, object]:
    """Counts and intervals of one threshold."""
    hits = legible_hits = count = 0
    overlaps: list[float] = []
    for one, boxes in zip(shots, found):
        above = boxes[boxes[:, 4] > score]
        taken = matches(above, one.plates)
        hits, count = hits + len(taken), count + len(above)
        legible_hits += sum(bool(one.is_legible[number]) for number in taken)
        overlaps += taken.values()
    plates, legible = sum(len(one.plates) for one in shots), sum(int(one.is_legible.sum()) for one in shots)
    return {
        "score": score,
        "legible": [legible_hits, legible, *wilson(legible_hits, legible)],
        "all": [hits, plates, *wilson(hits, plates)],
        "precision_lower_bound": [hits, count, *wilson(hits, count)],
        "mean_iou": round(float(np.mean(overlaps)), 3) if overlaps else None,
        "boxes_per_picture": round(count / len(shots), 2),
    }


def suggested(rows: list[dict]) -> float:
    """The highest score that loses at most two plates in a hundred against the lowest one."""
    most = rows[0]["all"][0]
    return max(row["score"] for row in rows if row["all"][0] >= 0.98 * most)


def measure(detector: Proposer | Baseline, shots: list[Shot], width: int, height: int) -> dict[str, object]:
    """Every threshold of GRID, and CPU time a picture with all work before and after the network."""
    start = time.process_time()
    found = [detector.boxes(one.bgr, width, height) for one in shots]
    cpu_ms = (time.process_time() - start) * 1000 / len(shots)
    return {
        "pictures": len(shots),
        "cpu_ms": round(cpu_ms, 1),
        "rows": [at_score(shots, found, score) for score in GRID],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("onnx", type=Path)
    parser.add_argument("--baseline", type=Path, help="a YOLO export or a .tflite measured beside it")
    parser.add_argument("--only-held-back", action="store_true")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    sets = {"held_back": held_back(given.shared)}
    if not given.only_held_back:
        sets |= {"plate_stills_dashcam": stills(given.shared), "plate_tracks": tracks(given.shared)}
        sets |= {f"openalpr_{country}": openalpr(given.shared, country) for country in ("us", "eu", "br")}
    proposer = Proposer(given.onnx)
    report: dict[str, object] = {}
    for width, height in SIZES:
        for name, shots in sets.items():
            report[f"{name} {width}x{height}"] = measure(proposer, shots, width, height)
    report["min_score"] = suggested(report["held_back {}x{}".format(*SIZES[0])]["rows"])
    if given.baseline:
        baseline = Baseline(given.baseline)
        for name, shots in sets.items():
            report[f"{name} {given.baseline.stem}"] = measure(baseline, shots, 0, 0)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
