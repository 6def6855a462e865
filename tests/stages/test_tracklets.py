"""Boxes joined by place and motion, tracklets joined by text."""

from __future__ import annotations

from dashtools.geometry import Box
from dashtools.stages.crops import Reading
from dashtools.stages.joining import join
from dashtools.stages.plates import refusal
from dashtools.stages.tracklets import Group, Linker, Sight


def sight(
    frame: int,
    x: float,
    text: str = "",
    confidence: float = 0.95,
    *,
    step_ms: int = 200,
    y: float = 300,
    score: float = 0.6,
    width: float = 90,
    is_cut: bool = False,
) -> Sight:
    reading = Reading(text, (confidence,) * len(text), "whole") if text else None
    return Sight(frame, frame * step_ms, Box(x, y, x + width, y + width / 4), score, is_cut, reading=reading)


def group(*sights: Sight) -> Group:
    return Group(sights)


def linked(frames: list[list[Sight]]) -> list[list[int]]:
    linker = Linker()
    for sights in frames:
        linker.link(sights)
    return [[s.frame_index for s in t.sights] for t in linker.tracklets()]


def test_a_moving_box_is_one_tracklet() -> None:
    assert linked([[sight(i, 100 + 40 * i)] for i in range(5)]) == [[0, 1, 2, 3, 4]]


def test_two_boxes_side_by_side_stay_apart() -> None:
    assert linked([[sight(i, 100), sight(i, 400)] for i in range(3)]) == [[0, 1, 2], [0, 1, 2]]


def test_boxes_a_second_apart_are_not_joined_by_place_alone() -> None:
    assert linked([[sight(i, 100, step_ms=1000)] for i in range(2)]) == [[0], [1]]


def test_a_box_that_jumps_in_size_is_another_plate() -> None:
    assert len(linked([[sight(0, 100)], [sight(1, 100, width=180)]])) == 2


def test_the_same_text_is_one_track_after_an_occlusion() -> None:
    joined = join([group(sight(0, 100, "B310VLV")), group(sight(90, 700, "B310VLV"))])
    assert [sorted(g.frames) for g in joined] == [[0, 90]]


def test_a_reading_with_a_lost_sign_joins_the_full_one() -> None:
    joined = join([group(sight(0, 100, "F05TAC", 0.8)), group(sight(9, 500, "IF05TAC"))])
    assert len(joined) == 1 and joined[0].vote.text == "IF05TAC"


def test_poor_readings_that_agree_only_together_join_the_right_one() -> None:
    poor = [group(sight(i, 900 - 90 * i, text, 0.9)) for i, text in ((0, "FESTAC"), (9, "F0STAC"), (18, "E0STAC"))]
    joined = join([*poor, group(sight(40, 500, "IF05TAC", 0.89))])
    assert len(joined) == 1


def test_two_vehicles_at_one_place_are_two_tracks() -> None:
    assert len(join([group(sight(0, 100, "MM11XYL")), group(sight(5, 105, "B310VLV"))])) == 2


def test_plates_in_one_picture_are_never_one_track() -> None:
    assert len(join([group(sight(0, 100, "B310VLV")), group(sight(0, 600, "B310VLV"))])) == 2


def test_two_cars_of_a_fleet_stay_apart_when_both_are_sure() -> None:
    one = group(sight(0, 100, "B310VLV", 0.99), sight(1, 100, "B310VLV", 0.98))
    two = group(sight(50, 100, "B317VLV", 0.99), sight(51, 100, "B317VLV", 0.98))
    assert len(join([one, two])) == 2


def test_look_alikes_are_no_proof_of_two_cars() -> None:
    one = group(sight(0, 100, "B310VLV", 0.99), sight(1, 100, "B310VLV", 0.98))
    two = group(sight(50, 100, "B31OVLV", 0.99), sight(51, 100, "B31OVLV", 0.98))
    assert len(join([one, two])) == 1


def test_a_repeated_picture_is_one_piece_of_evidence() -> None:
    assert len(group(sight(0, 100, "AB12", 0.7), sight(1, 100, "AB12", 0.7)).ballots) == 1


def refused(*sights: Sight) -> str | None:
    return refusal(group(*sights), min_confidence=0.6, min_score=0.25)


def test_a_sure_reading_of_a_sure_box_is_a_sighting() -> None:
    assert refused(sight(0, 100, "B310VLV", 0.95)) is None


def test_two_readings_that_agree_confirm_a_box_of_low_score() -> None:
    assert refused(sight(0, 100, "B310VLV", 0.85, score=0.06), sight(1, 110, "B310VLV", 0.8, score=0.07)) is None


def test_refusals_say_why() -> None:
    reasons = [
        refused(sight(0, 100)),
        refused(sight(0, 100, "AB1")),
        refused(sight(0, 100, "AB12CD34EF5")),
        refused(sight(0, 100, "AB12CDE", width=30)),
        refused(sight(0, 100, "TOYOTA", 0.99), sight(1, 100, "TOYOTA", 0.98)),
        refused(sight(0, 100, "1111")),
        refused(sight(0, 100, "AB12CDE", 0.5)),
        refused(sight(0, 100, "AB12CDE", 0.99, is_cut=True)),
        refused(sight(0, 100, "AB12CDE", 0.95, score=0.1)),
    ]
    words = ["nothing", "short", "long", "small", "word", "repeated", "confidence", "edge", "scored below"]
    assert [word in str(reason) for word, reason in zip(words, reasons)] == [True] * len(words)
