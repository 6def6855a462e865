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
    raw = (FOLDER / "proposer.onnx").read_bytes()
    assert card["sha256"] == hashlib.sha256(raw).hexdigest()
    assert card["size_bytes"] == len(raw) <= LARGEST_BYTES


def test_any_multiple_of_32_goes_in_and_rows_of_five_come_out(session):
    for height, width in ((384, 640), (736, 1280), (32, 32)):
        found = boxes(session, np.zeros((height, width, 3), np.uint8))
        assert found.dtype == np.float32 and found.shape[1] == 5


def test_weak_boxes_are_left_out_inside_the_graph(session, card):
    noise = np.random.default_rng(1).integers(0, 255, (384, 640, 3), dtype=np.uint8)
    found = boxes(session, noise)
    assert (found[:, 4] > card["output"]["in_graph_min_score"]).all()


def test_it_finds_the_plate_of_the_car_ahead(session, card):
    synth = pytest.importorskip("dashtools.backends.synth", exc_type=ImportError)
    scene_of = pytest.importorskip("dashtools.backends.synth_scene", exc_type=ImportError)
    plan = synth.Plan(seed=5)
    scene = scene_of.Scene(plan.width, plan.height, synth.cars_of(plan), synth.travelled_m, plan.seed)
    picture, seen = scene.frame(plan.clip_s / 2, 0)
    widest = max(seen, key=lambda plate: plate.box[2] - plate.box[0])
    found = boxes(session, picture)
    best = found[found[:, 4].argmax()]
    assert best[4] > card["min_score"]
    assert best[:4] == pytest.approx(widest.box, abs=0.15 * (widest.box[2] - widest.box[0]))
