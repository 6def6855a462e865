"""Which frames go on, and the reason of every other one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from seeing_fakes import Drawn, FakeDecoder, scene

from dashtools.stages.selection import Choice, Rules, Selection


def chosen(pictures, times_ms, **rules) -> tuple[list[Choice], Selection]:
    selection = Selection(Rules(**rules))
    return list(selection.choose(FakeDecoder(pictures, times_ms).frames(Path()))), selection


def numbers(choices: list[Choice]) -> list[int]:
    return [c.frame_index for c in choices]


def test_sampling_follows_real_time_and_not_the_frame_count() -> None:
    times = [0, 33, 67, 100, 500, 510, 520, 700]
    choices, selection = chosen([scene(i) for i in range(8)], times, sample_fps=5)
    assert numbers(choices) == [0, 4, 7]
    assert selection.ledger.runs() == {"sampling": [[1, 3], [5, 6]]}


def test_a_clip_slower_than_the_sampling_keeps_all() -> None:
    choices, _ = chosen([scene(i) for i in range(5)], [0, 1000, 2000, 3000, 4000], sample_fps=5)
    assert numbers(choices) == [0, 1, 2, 3, 4]


def test_a_standing_scene_is_a_duplicate_until_it_is_time_to_look_again() -> None:
    choices, selection = chosen([scene(1)] * 20, [200 * i for i in range(20)])
    assert numbers(choices) == [0, 10]
    assert selection.ledger.counts() == {"duplicate": 18}


def test_a_small_plate_that_passes_a_standing_camera_is_no_duplicate() -> None:
    pictures = [scene(1, (Drawn(40 + 90 * i, 50, 60),)) for i in range(5)]
    assert numbers(chosen(pictures, [200 * i for i in range(5)])[0]) == [0, 1, 2, 3, 4]


def test_a_change_of_light_alone_is_a_duplicate() -> None:
    pictures = [scene(1, level=90 + 8 * i) for i in range(4)]
    assert numbers(chosen(pictures, [200 * i for i in range(4)])[0]) == [0]


def test_a_frame_blurred_beside_a_sharp_one_is_dropped() -> None:
    pictures = [scene(i) for i in range(5)]
    pictures[2] = cv2.GaussianBlur(pictures[2], (31, 31), 9)
    choices, selection = chosen(pictures, [200 * i for i in range(5)])
    assert numbers(choices) == [0, 1, 3, 4] and selection.ledger.runs() == {"blurred": [[2, 2]]}


def test_a_blurred_frame_without_near_neighbours_stays() -> None:
    pictures = [scene(i) for i in range(3)]
    pictures[1] = cv2.GaussianBlur(pictures[1], (31, 31), 9)
    assert numbers(chosen(pictures, [0, 1000, 2000])[0]) == [0, 1, 2]


def test_a_black_frame_is_dark() -> None:
    dark = [scene(i, level=10, contrast=5) for i in range(3)]
    choices, selection = chosen(dark, [0, 1000, 2000])
    assert not choices and selection.ledger.counts() == {"dark": 3}


def test_an_audited_frame_goes_on_and_tells_what_it_was_dropped_for() -> None:
    choices, selection = chosen([scene(1)] * 6, [40 * i for i in range(6)], audit_share=1.0)
    assert sorted(numbers(choices)) == list(range(6)) and not selection.ledger.counts()
    assert {c.instead_of for c in choices if c.reason == "audit"} == {"sampling", "duplicate"}


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.integers(0, 3), st.floats(0, 1))
def test_every_frame_is_kept_or_has_exactly_one_reason(steps_ms: list[int], kinds: int, share: float) -> None:
    times = list(np.cumsum(steps_ms))
    pictures = [scene(i % (kinds + 1), level=90 if i % 5 else 10) for i in range(len(times))]
    choices, selection = chosen(pictures, times, audit_share=share, audit_seed="s")
    dropped = [n for runs in selection.ledger.runs().values() for a, b in runs for n in range(a, b + 1)]
    assert sorted(dropped + numbers(choices)) == list(range(len(times)))
    assert selection.frames_total == len(times)
