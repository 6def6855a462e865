"""Where plates are between their boxes, and what is left of them."""

import numpy as np

from dashtools.geometry import Box
from dashtools.stages.veil import Sighted, Veil, place

TRACK = [Sighted(1000, Box(0, 0, 20, 10)), Sighted(1400, Box(40, 0, 60, 10))]


def test_between_two_boxes_the_place_is_between_and_a_little_larger():
    box = place(TRACK, 1200, margin=0.0)
    assert box.centre == (30, 5) and 20 < box.width < 32


def test_beyond_its_first_and_last_box_a_plate_is_held_for_a_moment_and_not_longer():
    assert place(TRACK, 700, margin=0.1).centre == (10, 5)
    assert place(TRACK, 1900, margin=0.1).width > place(TRACK, 1500, margin=0.1).width
    assert place(TRACK, 300, margin=0.1) is None and place(TRACK, 2100, margin=0.1) is None


def test_a_long_gap_is_not_bridged():
    apart = [TRACK[0], Sighted(9000, Box(40, 0, 60, 10))]
    assert place(apart, 5000, margin=0.0) is None and place(apart, 8900, margin=0.0) is not None


def test_nothing_but_a_few_colours_is_left_and_the_picture_given_is_not_changed():
    picture = np.random.default_rng(1).integers(0, 256, (40, 80, 3), dtype=np.uint8)
    before = picture.copy()
    done = Veil({"a": TRACK, "b": [Sighted(1000, Box(40, 20, 60, 30))]}, "b").drawn(picture, 1000)
    assert np.array_equal(picture, before)
    assert np.array_equal(done[20:30, 40:60], picture[20:30, 40:60])
    assert done[0:10, 0:20].std(axis=(0, 1)).max() < 0.3 * picture[0:10, 0:20].std(axis=(0, 1)).min()


def test_the_kept_plate_wins_where_anothers_margin_reaches_over_it():
    picture = np.random.default_rng(2).integers(0, 256, (40, 80, 3), dtype=np.uint8)
    veil = Veil({"a": [Sighted(0, Box(0, 0, 30, 10))], "kept": [Sighted(0, Box(32, 0, 60, 10))]}, "kept")
    assert np.array_equal(veil.drawn(picture, 0)[0:10, 32:60], picture[0:10, 32:60])


def test_boxes_outside_the_picture_do_no_harm():
    picture = np.zeros((20, 20, 3), np.uint8)
    assert (
        Veil({"a": [Sighted(0, Box(50, 50, 60, 60)), Sighted(100, Box(-9, -9, -1, -1))]}).drawn(picture, 0).any() == 0
    )
