"""A trip's lanes and what its speed says."""

from __future__ import annotations

import pytest

from dashtools.index import journey, queries, store
from dashtools.index.refresh import refresh
from dashtools.index.views import Point


def points(speeds, step_ms=1000):
    return [Point(n * step_ms, 52.0, 20.0, speed) for n, speed in enumerate(speeds)]


def test_speed_counts_only_on_the_move():
    found = journey.figures(points([0.0, 0.0, 10.0, 20.0, 20.0]))
    assert (found.top_mps, found.moving_ms, found.stopped_ms) == (20.0, 3000, 1000)
    assert found.moving_mps == pytest.approx(50 / 3)


@pytest.mark.parametrize(
    ("speeds", "brakes"),
    [([20, 15, 10, 5, 0], [1000]), ([20, 18, 16, 14], []), ([20, 20, 5], [2000]), ([20, None, 5], [2000])],
)
def test_hard_braking_is_told_once_where_it_began(speeds, brakes):
    assert [p.t_ms for p in journey.figures(points(speeds)).hard_brakes] == brakes


def test_ten_fixes_a_second_do_not_make_noise_a_hard_brake():
    noisy = [20.0 + (0.6 if n % 2 else 0.0) for n in range(40)]
    assert journey.figures(points(noisy, 100)).hard_brakes == ()


def test_a_gap_says_nothing_of_braking():
    assert journey.figures(points([30.0, 0.0], 60_000)).hard_brakes == ()


def test_front_and_rear_lie_side_by_side_in_time(library):
    for name, at, channel in (("a", 0, "front"), ("b", 10, "front"), ("ra", 1, "rear")):
        library.add(f"{name}.mp4", recorded_at=f"2024-01-15T14:25:{at:02d}Z", channel=channel)
    library.work()
    refresh(library.root, library.db)
    connection = store.open_reading(library.db)
    try:
        ((trip_id,),) = connection.execute("SELECT trip_id FROM trips").fetchall()
        lanes = journey.lanes(connection, queries.clips_of_trip(connection, trip_id))
        assert [(lane.channel, [piece.start_ms for piece in lane.pieces]) for lane in lanes] == [
            ("front", [0, 10_000]),
            ("rear", [1000]),
        ]
        assert [p.t_ms for p in journey.way(connection, lanes[0])][8:12] == [8000, 9000, 10_000, 11_000]
    finally:
        connection.close()
