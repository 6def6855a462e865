"""Rollover: dates that are 1024 weeks early are put right, and no others."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtools.model import Fix, Track
from dashtools.stages.recorded import recorded
from dashtools.stages.rollover import PERIOD, put_right
from dashtools.times import UTC, from_text, to_text

CAMERA = datetime(2024, 7, 15, 15, 30, 5)


def track(*stamps: str) -> Track:
    return Track("novatek", tuple(Fix(1000 * k, True, 51.5, -0.1, utc=utc) for k, utc in enumerate(stamps)))


def test_dates_1024_weeks_early_are_put_right_and_told():
    early = [to_text(datetime(2024, 7, 15, 13, 30, 5 + k, tzinfo=UTC) - PERIOD) for k in range(3)]
    right = put_right(track(*early), CAMERA)
    assert [fix.utc for fix in right.fixes] == [f"2024-07-15T13:30:{5 + k:02d}Z" for k in range(3)]
    assert "1024 weeks early" in right.note
    assert (recorded(right, CAMERA, None).at, recorded(right, CAMERA, None).utc_offset_min) == (
        "2024-07-15T13:30:05Z", 120,
    )  # fmt: skip


@pytest.mark.parametrize(
    "camera", [None, datetime(2015, 1, 1), datetime(2024, 7, 15, 13, 30), CAMERA + PERIOD / 2], ids=str
)
def test_right_dates_stay_whatever_the_camera_says(camera):
    same = track("2024-07-15T13:30:05Z")
    assert put_right(same, camera) is same


@given(st.integers(-2, 3), st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_only_whole_periods_in_the_past_are_added(periods, error):
    stamp = datetime(2024, 7, 15, 13, 30, 5, tzinfo=UTC)
    right = put_right(track(to_text(stamp)), (stamp + periods * PERIOD + error).replace(tzinfo=None))
    moved = from_text(right.fixes[0].utc) - stamp
    assert moved in (timedelta(), periods * PERIOD) and moved >= timedelta()
