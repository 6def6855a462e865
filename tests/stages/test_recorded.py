"""When a clip began, and how that is known."""

from __future__ import annotations

import zoneinfo
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashtools.model import Fix, Track
from dashtools.stages.recorded import Recorded, recorded
from dashtools.times import UTC, to_text

LOCAL = datetime(2017, 7, 9, 8, 21, 16)
NO_TRACK = Track("none")


def track(*stamps: tuple[int, str], longitude: float = 27.68, is_valid: bool = True) -> Track:
    return Track("novatek", tuple(Fix(t, is_valid, 53.9, longitude, utc=utc) for t, utc in stamps))


def test_satellites_say_the_start_and_the_name_then_says_the_zone():
    fixes = track((6000, "2017-07-09T05:21:22Z"), (7000, "2017-07-09T05:21:23Z"))
    assert recorded(fixes, LOCAL, None) == Recorded("2017-07-09T05:21:16Z", "gps", 180, 0.0, 0.5)


def test_one_jump_of_the_clock_does_not_move_the_start():
    stamps = [(1000 * k, f"2017-07-09T05:21:{16 + k:02d}Z") for k in range(1, 9)]
    assert recorded(track((0, "2017-01-01T00:00:00Z"), *stamps), LOCAL, None).at == "2017-07-09T05:21:16Z"


def test_void_slots_say_nothing_about_the_start():
    void = track((0, "2017-07-09T05:21:16Z"), is_valid=False)
    assert recorded(void, LOCAL, None) == Recorded("2017-07-09T08:21:16Z", "filename, zone unknown")


def test_a_receiver_that_agrees_with_local_time_far_from_greenwich_is_doubted():
    assert recorded(track((0, "2017-07-09T08:21:16Z"), longitude=-123.0), LOCAL, None).method.endswith("local time")
    assert recorded(track((0, "2017-07-09T08:21:16Z"), longitude=-2.0), LOCAL, None).method == "gps"


@pytest.mark.parametrize(("local", "minutes"), [((13, 51, 10), 330), ((8, 21, 40), 0), ((1, 21, 0), -420)])
def test_offsets_are_quarters_of_an_hour_whatever_the_clocks_error(local, minutes):
    fixes = track((0, "2017-07-09T08:21:16Z"))
    assert recorded(fixes, datetime(2017, 7, 9, *local), None).utc_offset_min == minutes


def test_a_camera_clock_that_is_days_off_gives_no_zone():
    assert recorded(track((0, "2017-07-09T08:21:16Z")), datetime(2015, 1, 1), None).utc_offset_min is None


def test_without_name_and_fix_the_container_counts_unless_its_clock_was_never_set():
    assert recorded(NO_TRACK, None, "2020-01-02T03:04:05.000000Z") == Recorded(
        "2020-01-02T03:04:05Z", "container, zone unknown"
    )
    assert recorded(NO_TRACK, None, "1970-01-01T00:00:00Z") == Recorded(None, "none")
    assert recorded(NO_TRACK, None, "yesterday") == Recorded(None, "none")


ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Asia/Tokyo"]
CHANGES = [datetime(2024, 3, 31, 1, tzinfo=UTC), datetime(2024, 10, 27, 1, tzinfo=UTC),
           datetime(2024, 3, 10, 7, tzinfo=UTC), datetime(2024, 11, 3, 6, tzinfo=UTC),
           datetime(2024, 4, 6, 15, tzinfo=UTC), datetime(2024, 10, 5, 15, 30, tzinfo=UTC)]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.integers(-90_000, 90_000),
    st.integers(-440, 440),
)
def test_the_zone_is_right_on_both_sides_of_each_change_of_the_clocks(zone, change, seconds, skew_s):
    """Also in the hour that comes twice: the satellites say which of the two it was."""
    began = change + timedelta(seconds=seconds)
    here = began.astimezone(zoneinfo.ZoneInfo(zone))
    shown = here.replace(tzinfo=None) + timedelta(seconds=skew_s)
    fixes = tuple(
        Fix(1000 * k, True, 48.0, 16.0, utc=to_text(began + timedelta(seconds=k))) for k in range(3)
    )  # fmt: skip
    when = recorded(Track("x", fixes), shown, None)
    assert when.at == to_text(began)
    assert when.utc_offset_min == here.utcoffset() // timedelta(minutes=1)
    assert when.skew_s == skew_s and when.uncertainty_s == 0.5


@given(st.datetimes(datetime(2005, 1, 2), datetime(2099, 1, 1)))
def test_a_name_alone_gives_its_time_and_no_zone(shown):
    when = recorded(Track("none"), shown.replace(microsecond=0), None)
    assert when.method == "filename, zone unknown" and when.utc_offset_min is None and when.uncertainty_s is None
