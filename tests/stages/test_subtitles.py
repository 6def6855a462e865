"""A track as subtitles: a line a fix, no longer than it says something, nothing where the receiver was blind."""

from dashtools.model import Fix, Track
from dashtools.stages.subtitles import to_srt


def entries(text):
    return [block.splitlines()[1:] for block in text.strip().split("\n\n") if block]


def test_each_fix_stands_until_the_next_and_at_most_two_seconds():
    fixes = (Fix(0, True, 1.0, 2.0), Fix(1000, True, 1.0, 2.0), Fix(9000, True, 1.0, 2.0), Fix(99_000, True, 1.0, 2.0))
    found = entries(to_srt(Track("x", fixes), None, 9500))
    assert [times for times, _ in found] == [
        "00:00:00,000 --> 00:00:01,000",
        "00:00:01,000 --> 00:00:03,000",
        "00:00:09,000 --> 00:00:09,500",
    ]


def test_void_slots_say_nothing_and_end_what_was_said():
    fixes = (Fix(0, True, 1.0, 2.0), Fix(500, False), Fix(1000, True, 1.0, 2.0, 10.0, 90.0, utc="2024-01-15T14:25:09Z"))
    found = entries(to_srt(Track("x", fixes), "2024-01-15T14:25:00Z", 5000))
    assert found == [
        ["00:00:00,000 --> 00:00:00,500", "2024-01-15 14:25:00Z  1.00000 2.00000"],
        ["00:00:01,000 --> 00:00:03,000", "2024-01-15 14:25:09Z  1.00000 2.00000  36 km/h  90°"],
    ]


def test_a_clip_without_a_fix_or_a_length_has_no_subtitles():
    assert to_srt(Track("x", (Fix(0, False),)), None, 1000) == "" == to_srt(Track("x", (Fix(0, True, 1, 2),)), None, 0)
