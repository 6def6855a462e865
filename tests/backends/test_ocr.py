"""The reader: CTC collapse, and real crops where the model is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtools.backends.ocr import OnnxPlateReader, collapse, plate_signs
from dashtools.errors import BackendUnavailable

SIGNS = "AB1a"


def steps(text: str, confidence: float = 0.9) -> np.ndarray:
    """Probabilities whose best column at each step is a sign, or the blank for "-"."""
    rows = np.full((len(text), len(SIGNS) + 1), 0.01, np.float32)
    for step, sign in enumerate(text):
        rows[step, 0 if sign == "-" else SIGNS.index(sign) + 1] = confidence
    return rows


@pytest.mark.parametrize(
    ("path", "text"),
    [("A-A", "AA"), ("AAA", "A"), ("--A1-", "A1"), ("aB", "AB"), ("---", ""), ("", "")],
    ids=["apart", "held", "blanks", "upper-cased", "nothing", "no-steps"],
)
def test_repeats_are_one_sign_and_blanks_part_them(path: str, text: str) -> None:
    assert collapse(steps(path), SIGNS).text == text


def test_a_held_sign_has_the_confidence_of_its_best_step() -> None:
    rows = np.concatenate([steps("A", 0.5), steps("A", 0.8), steps("B", 0.6)])
    assert collapse(rows, SIGNS).character_confidences == pytest.approx((0.8, 0.6))


def test_a_letter_counts_in_either_case_and_what_is_no_sign_counts_as_none() -> None:
    """Columns: blank, A, a, 1, dash. Neither case alone beats the dash, both together do."""
    probabilities = np.array([[0.1, 0.3, 0.2, 0.0, 0.4], [0.2, 0.0, 0.0, 0.35, 0.45]], np.float32)
    signs = plate_signs(probabilities, [1, 3], {0: 2})
    assert signs == pytest.approx(np.array([[0.5, 0.5, 0.0], [0.65, 0.0, 0.35]]), abs=1e-6)


@given(st.text("AB1a-", max_size=20))
def test_there_is_one_confidence_for_each_sign(path: str) -> None:
    read = collapse(steps(path), SIGNS)
    assert len(read.text) == len(read.character_confidences) and "a" not in read.text


@pytest.fixture(scope="module")
def reader() -> OnnxPlateReader:
    from dashtools.devices.tools import build_tools

    try:
        return build_tools({}).reader  # type: ignore[return-value]
    except BackendUnavailable as error:
        pytest.skip(str(error))


@pytest.mark.models
def test_a_crop_of_nothing_reads_as_nothing(reader: OnnxPlateReader) -> None:
    assert reader.read(np.full((20, 80, 3), 120, np.uint8)).confidence < 0.5
    assert reader.read(np.zeros((1, 1, 3), np.uint8)).text == ""


@pytest.mark.models
@pytest.mark.realdata
def test_a_real_plate_is_read(realdata: Path, reader: OnnxPlateReader) -> None:
    from dashtools.backends.decode import PyavDecoder
    from dashtools.geometry import Box
    from dashtools.stages.crops import cut

    frame = next(PyavDecoder().frames(realdata / "plate_tracks" / "rl_n3_0051.mp4"))
    read = reader.read(cut(frame.bgr(), Box(545, 375, 770, 427)))
    assert read.text == "B276WOW" and read.confidence > 0.9
