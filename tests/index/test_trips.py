"""Trips: clips that follow each other closely."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from dashtools.index.trips import Clip, group
from dashtools.times import UTC

START = datetime(2024, 1, 15, 14, 0, tzinfo=UTC)


def clip(name: str, second: float | None, duration_s: int = 60, folder: str = "nas:drive") -> Clip:
    return Clip(name, folder, None if second is None else START + timedelta(seconds=second), duration_s * 1000)


def members(trips):
    return [[c.video_id for c in trip.clips] for trip in trips]


def test_a_gap_of_five_minutes_is_still_one_trip():
    assert members(group("cam", [clip("a", 0), clip("b", 360)])) == [["a", "b"]]


def test_a_longer_gap_starts_another_trip():
    assert members(group("cam", [clip("a", 0), clip("b", 361)])) == [["a"], ["b"]]


def test_the_gap_counts_from_the_latest_end_not_from_the_last_clip():
    assert members(group("cam", [clip("long", 0, 900), clip("short", 60), clip("b", 1100)])) == [["long", "short", "b"]]


def test_clips_without_a_time_make_one_trip_for_each_folder():
    clips = [
        clip("a", None, folder="nas:x/one"),
        clip("b", None, folder="nas:x/two"),
        clip("c", None, folder="nas:x/one"),
    ]
    trips = group("cam", clips)
    assert members(trips) == [["a", "c"], ["b"]]
    assert [trip.label for trip in trips] == ["one", "two"]


def test_clips_at_the_top_of_a_storage_are_labelled_by_the_storage():
    assert [trip.label for trip in group("cam", [clip("a", None, folder="footage:")])] == ["footage"]


def test_the_order_in_which_clips_come_does_not_matter():
    clips = [clip(str(n), n * 200) for n in range(20)] + [clip(f"u{n}", None) for n in range(5)]
    shuffled = list(clips)
    random.Random(1).shuffle(shuffled)
    assert group("cam", clips) == group("cam", shuffled)
