"""The shipped proposer keeps the promises of its proposer.json."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import dashtools

onnxruntime = pytest.importorskip("onnxruntime")
FOLDER = Path(dashtools.__file__).parent / "data"
LARGEST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def card() -> dict:
    return json.loads((FOLDER / "proposer.json").read_text())


@pytest.fixture(scope="module")
def session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(FOLDER / "proposer.onnx"), options, providers=["CPUExecutionProvider"])


def boxes(session, bgr: np.ndarray) -> np.ndarray:
    """What the graph gives for a picture laid into the next multiple of 32."""
    height, width = (-(-side // 32) * 32 for side in bgr.shape[:2])
    canvas = np.full((height, width, 3), 114, np.uint8)
    canvas[: bgr.shape[0], : bgr.shape[1]] = bgr
    image = np.ascontiguousarray(canvas[..., ::-1].transpose(2, 0, 1)[None]).astype(np.float32) / 255
    return session.run(["boxes"], {"image": image})[0]


def test_the_card_names_these_very_bytes(card):
    assert set(card["files"]) == {"proposer.onnx", "proposer-int8.tflite"}
    for name, digest in card["files"].items():
        raw = (FOLDER / name).read_bytes()
        assert digest == hashlib.sha256(raw).hexdigest() and len(raw) <= LARGEST_BYTES


def test_any_multiple_of_32_goes_in_and_rows_of_five_come_out(session):
    for height, width in ((384, 640), (736, 1280), (32, 32)):
        found = boxes(session, np.zeros((height, width, 3), np.uint8))
        assert found.dtype == np.float32 and found.shape[1] == 5


def test_weak_boxes_are_left_out_inside_the_graph(session, card):
    noise = np.random.default_rng(1).integers(0, 255, (384, 640, 3), dtype=np.uint8)
    found = boxes(session, noise)
    assert (found[:, 4] > card["output"]["in_graph_min_score"]).all()


@pytest.fixture(scope="module")
def car_ahead():
    """A picture of our own making and the box of its widest plate."""
    synth = pytest.importorskip("dashtools.backends.synth", exc_type=ImportError)
    scene_of = pytest.importorskip("dashtools.backends.synth_scene", exc_type=ImportError)
    plan = synth.Plan(seed=5)
    scene = scene_of.Scene(plan.width, plan.height, synth.cars_of(plan), synth.travelled_m, plan.seed)
    picture, seen = scene.frame(plan.clip_s / 2, 0)
    return picture, max(seen, key=lambda plate: plate.box[2] - plate.box[0]).box


def test_it_finds_the_plate_of_the_car_ahead(session, card, car_ahead):
    picture, box = car_ahead
    found = boxes(session, picture)
    best = found[found[:, 4].argmax()]
    assert best[4] > card["min_score"]
    assert best[:4] == pytest.approx(box, abs=0.15 * (box[2] - box[0]))


def test_in_whole_integers_it_finds_the_same_plate(card, car_ahead):
    pytest.importorskip("ai_edge_litert", exc_type=ImportError)
    from dashtools.backends.tflite import TflitePlateDetector

    picture, box = car_ahead
    detector = TflitePlateDetector(FOLDER / "proposer-int8.tflite")
    found = detector.detect(picture, card["min_score"])
    nearest = min(found, key=lambda one: abs(one.x1 - box[0]) + abs(one.y1 - box[1]))
    assert (nearest.x1, nearest.y1, nearest.x2, nearest.y2) == pytest.approx(box, abs=0.15 * (box[2] - box[0]))
    assert detector.provider == "CPU"
