"""Plates askew are brought level, and their main line is told from what is above and below."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dashtools.geometry import Box
from dashtools.stages.crops import cut, read_plate
from dashtools.stages.levelling import levelled, main_line, rise_of


def plate(rise: float = 0.0, *, above: str = "", below: str = "") -> np.ndarray:
    """A white plate of bars 200 x 60 pixels in grey surroundings, sheared by a rise per pixel."""
    picture = np.full((160, 300, 3), 128, np.uint8)
    picture[50:110, 50:250] = 235
    for x in range(62, 240, 16):
        picture[68:94, x : x + 6] = 20
    for text, y in ((above, 62), (below, 106)):
        cv2.putText(picture, text, (110, y), cv2.FONT_HERSHEY_PLAIN, 0.7, (90, 90, 90), 1)
    matrix = np.array([[1, 0, 0], [rise, 1, -rise * 150]], np.float32)
    return cv2.warpAffine(picture, matrix, (300, 160), borderMode=cv2.BORDER_REPLICATE)


BOX = Box(50, 50, 250, 110)


@pytest.mark.parametrize("rise", [-0.15, 0.0, 0.1])
def test_the_rise_of_a_plate_is_found_and_taken_back(rise: float) -> None:
    picture = plate(rise)
    found = rise_of(cut(picture, BOX))
    assert found == pytest.approx(-rise, abs=0.051)
    level, inside = levelled(picture, BOX, found)
    assert abs(rise_of(cut(level, inside))) <= 0.051


def test_surroundings_at_the_pictures_corner_are_smaller_and_hold_the_box() -> None:
    level, inside = levelled(plate(), Box(0, 0, 100, 30), 0.0)
    assert (inside.x1, inside.y1) == (0, 0) and level.shape[0] >= 30 and level.shape[1] >= 100


def test_the_main_line_leaves_out_small_print_above_and_below() -> None:
    line = main_line(cut(plate(above="STATE", below="SLOGAN"), BOX, 0.0, 0.0))
    assert 26 <= line.shape[0] <= 44
    assert (line[line.shape[0] // 2, :, 0] < 60).mean() > 0.2


def test_a_crop_without_edges_is_its_own_line() -> None:
    blank = np.full((30, 90, 3), 100, np.uint8)
    assert main_line(blank).shape == blank.shape


class Countings:
    """A reader that gives set answers in turn and keeps the shapes it was shown."""

    name, digest = "fake", "r1"

    def __init__(self, *answers: tuple[str, float]) -> None:
        self.answers, self.shapes = list(answers), []

    def read(self, crop):
        from dashtools.model import PlateRead

        self.shapes.append(crop.shape)
        text, confidence = self.answers[len(self.shapes) - 1]
        return PlateRead(text, (confidence,) * len(text))


def test_two_sure_readings_that_agree_are_enough() -> None:
    reader = Countings(("AB12CD", 0.99), ("AB12CD", 0.96))
    crop, reading = read_plate(reader, plate(), BOX)
    assert (reading.text, reading.band, len(reader.shapes)) == ("AB12CD", "whole", 2)
    assert crop.shape[1] >= 200


def test_where_they_differ_the_line_is_read_too_and_the_surest_counts() -> None:
    reader = Countings(("AB12CD", 0.9), ("AB12C", 0.8), ("AB12GD", 0.97), ("AB12CDEFGHI", 0.99))
    reading = read_plate(reader, plate(), BOX)[1]
    assert (reading.text, reading.band, len(reader.shapes)) == ("AB12GD", "line", 4)


def test_a_crop_of_hardly_anything_is_not_looked_at_further() -> None:
    reader = Countings(("A", 0.2), ("", 0.0))
    read_plate(reader, plate(), BOX)
    assert len(reader.shapes) == 2
