"""Local time beside UTC."""

import pytest

from dashtools.index.exports import local_time


@pytest.mark.parametrize(
    ("utc", "offset", "local"),
    [
        ("2024-01-15T23:30:00.000Z", 60, "2024-01-16T00:30:00.000+01:00"),
        ("2024-01-15T14:25:00Z", -570, "2024-01-15T04:55:00.000-09:30"),
        ("2024-01-15T14:25:00Z", None, None),
        (None, 60, None),
    ],
)
def test_local_time_is_what_the_clocks_there_showed(utc, offset, local):
    assert local_time(utc, offset) == local
