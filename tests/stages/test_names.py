"""File names of the common cameras."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashtools.errors import BadConfig
from dashtools.stages.names import describe, priority_of

NAMES = {
    # name: camera, channel, flags, local time
    "2017_0709_082116_002F.MP4": ("viofo", "front", "", "2017-07-09 08:21:16"),
    "2023_0101_120000_00012PR.MP4": ("viofo", "rear", "P", "2023-01-01 12:00:00"),
    "20170709083018_000045.MP4": ("viofo", "unknown", "", "2017-07-09 08:30:18"),
    "20230101120000_000123F.MP4": ("viofo", "front", "", "2023-01-01 12:00:00"),
    "20170708_221449_NF.mp4": ("blackvue", "front", "", "2017-07-08 22:14:49"),
    "20170708_221530_ER.mp4": ("blackvue", "rear", "E", "2017-07-08 22:15:30"),
    "20170708_221530_PI.mp4": ("blackvue", "interior", "P", "2017-07-08 22:15:30"),
    "20170708_221530_MF.mp4": ("blackvue", "front", "L", "2017-07-08 22:15:30"),
    "20170708_221530_N.mp4": ("blackvue", "unknown", "", "2017-07-08 22:15:30"),
    "NO20191130-120156-000121.MP4": ("70mai", "unknown", "", "2019-11-30 12:01:56"),
    "EV20191130-122256-000142F.MP4": ("70mai", "front", "E", "2019-11-30 12:22:56"),
    "PA20191130-121556-000135B.MP4": ("70mai", "rear", "P", "2019-11-30 12:15:56"),
    "GRMN0042.MP4": ("garmin", "unknown", "", None),
    "20170708_221530_IF.mp4": ("blackvue", "front", "E", "2017-07-08 22:15:30"),
    "210715_101532_001_PH.MP4": ("nextbase", "unknown", "P", "2021-07-15 10:15:32"),
    "REC_20170709_083018_F.MP4": ("thinkware", "front", "", "2017-07-09 08:30:18"),
    "20170709_083018R.MP4": ("unknown", "rear", "", "2017-07-09 08:30:18"),
    "Copy of 2017_0709_082116_002F.MP4": ("viofo", "front", "", "2017-07-09 08:21:16"),
    "2017_0709_082116_002F - Copy (2).MP4": ("viofo", "front", "", "2017-07-09 08:21:16"),
    "Back/20170709083018_000045.MP4": ("viofo", "rear", "", "2017-07-09 08:30:18"),
    "Front/and/Rear/20170709083018_000045.MP4": ("viofo", "unknown", "", "2017-07-09 08:30:18"),
    "20240115_102030_INF_F_N.mp4": ("vueroid", "front", "", "2024-01-15 10:20:30"),
    "20240115_102030_INF_R_E.mp4": ("vueroid", "rear", "E", "2024-01-15 10:20:30"),
    "20240115_102030_INF_F_P.mp4": ("vueroid", "front", "P", "2024-01-15 10:20:30"),
    "210715_101532_001_FH.MP4": ("nextbase", "front", "", "2021-07-15 10:15:32"),
    "210715_101532_001_RH.MP4": ("nextbase", "rear", "", "2021-07-15 10:15:32"),
    "REC_2017_07_09_08_30_18_F.MP4": ("thinkware", "front", "", "2017-07-09 08:30:18"),
    "EVT_2017_07_09_08_30_18_R.MP4": ("thinkware", "rear", "E", "2017-07-09 08:30:18"),
    "MOT_2017_07_09_08_30_18.MP4": ("thinkware", "unknown", "P", "2017-07-09 08:30:18"),
    "20201217150712_0060.mp4": ("ddpai", "unknown", "", "2020-12-17 15:07:12"),
    "20201217150712_0060_R.mp4": ("ddpai", "rear", "", "2020-12-17 15:07:12"),
    "2024-01-15_10-20-30-front.mp4": ("tesla", "front", "", "2024-01-15 10:20:30"),
    "2024-01-15_10-20-30-back.mp4": ("tesla", "rear", "", "2024-01-15 10:20:30"),
    "2024-01-15_10-20-30-left_repeater.mp4": ("tesla", "unknown", "", "2024-01-15 10:20:30"),
    "20240115_102030_0001_E_B.MP4": ("vantrue", "interior", "E", "2024-01-15 10:20:30"),
    "FILE210101-120000F.MP4": ("mio", "front", "", "2021-01-01 12:00:00"),
    "EMER210101-120000R.MP4": ("mio", "rear", "E", "2021-01-01 12:00:00"),
    "GX010123.MP4": ("gopro", "unknown", "", None),
    "GOPR0123.MP4": ("gopro", "unknown", "", None),
    "dashcam 2024-01-15 10.20.30.mp4": ("unknown", "unknown", "", "2024-01-15 10:20:30"),
    "2017_0709_082116_002F (1).MP4": ("viofo", "front", "", "2017-07-09 08:21:16"),
    "holiday.mp4": ("unknown", "unknown", "", None),
    "2017_1345_082116_002F.MP4": ("viofo", "front", "", None),
    "123456789012345678901234.mp4": ("unknown", "unknown", "", None),
    ".mp4": ("unknown", "unknown", "", None),
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items(), ids=NAMES)
def test_a_name_says_camera_channel_flags_and_local_time(name, expected):
    said = describe(f"raw/{name}")
    flags = "E" * said.is_event + "P" * said.is_parking + "L" * said.is_locked
    when = datetime.fromisoformat(expected[3]) if expected[3] else None
    assert (said.camera, said.channel, flags, said.local_time) == (*expected[:3], when)


FOLDERS = {
    "DCIM/Movie/RO": "L",
    "Parking": "P",
    "EVENT": "E",
    "SentryClips/2024-01-15_10-20-30": "EP",
    "SavedClips": "EL",
    "europe": "",
    "road trips": "",
}


@pytest.mark.parametrize(("folder", "flags"), FOLDERS.items(), ids=FOLDERS)
def test_the_folders_of_a_camera_add_their_flags(folder, flags):
    said = describe(f"{folder}/2017_0709_082116_002F.MP4")
    assert "E" * said.is_event + "P" * said.is_parking + "L" * said.is_locked == flags


@pytest.mark.parametrize(
    ("path", "priority"),
    [("a/20170708_221449_NF.mp4", 5), ("a/20170708_221449_EF.mp4", 3), ("RO/a.mp4", 3), ("Parking/a.mp4", 5)],
)
def test_events_and_locked_clips_go_first(path, priority):
    assert priority_of(path) == priority


@given(st.text(max_size=60))
def test_no_name_crashes(name):
    assert describe(name).channel in ("front", "rear", "interior", "unknown")


def test_a_pattern_of_ones_own_is_tried_first():
    pattern = r"(?P<camera>cam)(?P<side>[FR])-(?P<y>\d{4})(?P<mo>\d\d)(?P<d>\d\d)-(?P<h>\d\d)(?P<mi>\d\d)(?P<kind>E)?"
    said = describe("x/camR-20240131-0915E.mp4", pattern)
    assert (said.camera, said.channel, said.is_event) == ("cam", "rear", True)
    assert said.local_time == datetime(2024, 1, 31, 9, 15)
    assert describe("2017_0709_082116_002F.MP4", pattern).camera == "viofo"


@pytest.mark.parametrize("pattern", ["(", r"(?P<yaer>\d{4})"])
def test_a_pattern_that_is_none_is_told_as_bad_configuration(pattern):
    with pytest.raises(BadConfig, match="clip_name_pattern"):
        describe("a.mp4", pattern)


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=60))
def test_no_name_crashes_or_gives_a_time_that_is_none(name):
    said = describe(name)
    assert said.local_time is None or 1999 < said.local_time.year < 2100
