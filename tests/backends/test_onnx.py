"""Detectors on ONNX Runtime: decoding, shapes, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtools.backends.letterbox import letterbox
from dashtools.backends.onnx import (
    OnnxBoxesDetector,
    OnnxHeadsDetector,
    OnnxPlateDetector,
    best_of,
    decode_heads,
)
from dashtools.backends.sessions import open_session
from dashtools.errors import BackendUnavailable


def constant_model(path: Path, output: str, values: np.ndarray, shape: tuple[object, ...]) -> Path:
    """An ONNX file that answers any picture with these values."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    entry = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    answer = helper.make_tensor_value_info(output, TensorProto.FLOAT, values.shape)
    nodes = [
        helper.make_node("Constant", [], ["fixed"], value=numpy_helper.from_array(values.astype(np.float32))),
        helper.make_node("ReduceMax", ["images"], ["top"], keepdims=0),
        helper.make_node("Mul", ["top", "nought"], ["none"]),
        helper.make_node("Add", ["fixed", "none"], [output]),
    ]
    nought = numpy_helper.from_array(np.zeros((), np.float32), "nought")
    graph = helper.make_graph(nodes, "constant", [entry], [answer], [nought])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


PICTURE = np.zeros((360, 640, 3), np.uint8)


def test_yolo_columns_become_boxes_of_the_picture(tmp_path: Path) -> None:
    rows = np.zeros((1, 5, 20), np.float32)
    rows[0, :, 3] = (320, 320, 100, 40, 0.8)
    path = constant_model(tmp_path / "yolo.onnx", "output0", rows, (1, 3, 640, 640))
    (found,) = OnnxPlateDetector(path).detect(PICTURE, 0.25)
    assert (found.x1, found.y1, found.x2, found.y2, found.score) == (270, 160, 370, 200, 0.8)


def test_end_to_end_rows_become_boxes_too(tmp_path: Path) -> None:
    rows = np.zeros((1, 300, 6), np.float32)
    rows[0, 0] = (10, 150, 110, 190, 0.9, 0)
    path = constant_model(tmp_path / "e2e.onnx", "output0", rows, (1, 3, 640, 640))
    (found,) = OnnxPlateDetector(path).detect(PICTURE, 0.25)
    assert (found.x1, found.y1, found.x2, found.y2) == (10, 10, 110, 50)


def test_an_output_of_another_kind_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "classes.onnx", "output0", np.zeros((1, 1000), np.float32), (1, 3, 640, 640))
    with pytest.raises(BackendUnavailable, match="yolo export"):
        OnnxPlateDetector(path).detect(PICTURE, 0.25)


def test_our_own_boxes_are_scaled_back_from_the_networks_input(tmp_path: Path) -> None:
    rows = np.array([[10, 20, 60, 40, 0.9], [11, 20, 61, 40, 0.7], [0, 0, 5, 5, 0.1]], np.float32)
    path = constant_model(tmp_path / "own.onnx", "boxes", rows, (1, 3, "h", "w"))
    (found,) = OnnxBoxesDetector(path, long_side_px=320).detect(np.zeros((384, 640, 3), np.uint8), 0.25)
    assert (found.x1, found.y1, found.x2, found.y2) == (20, 40, 120, 80)


def test_heads_are_decoded_where_a_cell_is_sure() -> None:
    cells = (4 * 8) + (2 * 4) + (1 * 2)
    heads = np.full((65, cells), -20.0, np.float32)
    at = 1 * 8 + 2  # second row, third column of the finest grid: centre (20, 12)
    heads[64, at] = 3.0
    for side, strides in enumerate((2, 1, 4, 1)):
        heads[16 * side + strides, at] = 20.0
    boxes, scores = decode_heads(heads, 32, 64, 0.5)
    assert boxes[0] == pytest.approx([20 - 16, 12 - 8, 20 + 32, 12 + 8], abs=0.01)
    assert scores[0] == pytest.approx(1 / (1 + np.exp(-3.0)))


@given(st.integers(20, 900), st.integers(20, 900), st.floats(0, 0.9), st.floats(0, 0.9))
def test_a_box_comes_back_from_the_letterbox(width: int, height: int, x: float, y: float) -> None:
    tensor, fit = letterbox(np.zeros((height, width, 3), np.uint8), 640, 384)
    assert tensor.shape == (1, 3, 384, 640) and tensor.dtype == np.float32
    box = np.array([[x * width, y * height, (x + 0.1) * width, (y + 0.1) * height]], np.float32)
    there = box * fit.scale + np.array([fit.left, fit.top] * 2, np.float32)
    assert fit.back(there, width, height) == pytest.approx(box, abs=0.01)


def test_the_better_of_two_overlapping_boxes_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 0, 60, 10], [5, 5, 5, 9]], np.float32)
    kept = best_of(boxes, np.array([0.5, 0.9, 0.3, 0.99], np.float32))
    assert [(d.x1, d.score) for d in kept] == [(1, 0.9), (50, 0.3)]


def test_a_missing_model_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match="dc-models install"):
        open_session(tmp_path / "none.onnx")


def test_bytes_that_are_no_model_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    with pytest.raises(BackendUnavailable, match=r"bad\.onnx"):
        open_session(tmp_path / "bad.onnx")


def test_asking_for_cuda_without_a_device_ends_on_the_cpu(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "own.onnx", "boxes", np.zeros((1, 5)), (1, 3, "h", "w"))
    assert OnnxBoxesDetector(path).provider in ("CPUExecutionProvider", "CUDAExecutionProvider")


@pytest.mark.models
@pytest.mark.realdata
def test_the_cut_network_finds_the_plate_of_a_real_frame(realdata: Path) -> None:
    from dashtools.backends.decode import PyavDecoder
    from dashtools.devices.models import find

    try:
        path = find("platedet").verified()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    frame = next(PyavDecoder().frames(realdata / "plate_tracks" / "rl_n3_0051.mp4"))
    best = OnnxHeadsDetector(path).detect(frame.bgr(), 0.25)[0]
    assert (best.x1, best.y1, best.x2, best.y2) == pytest.approx((545, 375, 770, 427), abs=3)
