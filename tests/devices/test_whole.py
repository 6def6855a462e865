"""Whole: a clip of which a part is missing is told from one that is all there."""

from __future__ import annotations

import pytest

from dashtools.backends.synth import Plan, make_drive
from dashtools.devices.whole import is_whole, refuse_partial
from dashtools.errors import UnreadableClip


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    plan = Plan(clip_s=2, clips=1, fps=5, width=320, height=180)
    return make_drive(tmp_path_factory.mktemp("drive"), plan)[0]


def test_a_whole_clip_is_whole(clip):
    assert is_whole(clip)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_clip_that_is_still_being_written_is_not(tmp_path, clip, share):
    content = clip.read_bytes()
    part = tmp_path / "part.mp4"
    part.write_bytes(content[: int(share * len(content))])
    assert not is_whole(part)


def test_an_index_ahead_of_pictures_that_are_still_to_come_is_not(tmp_path, clip):
    content = clip.read_bytes()
    at = content.rindex(b"moov") - 4
    size = int.from_bytes(content[at : at + 4], "big")
    part = tmp_path / "faststart.mp4"
    part.write_bytes(content[at : at + size] + content[:40])
    with pytest.raises(UnreadableClip):
        refuse_partial(part)


def test_what_is_not_there_or_no_clip_is_not(tmp_path):
    (tmp_path / "text.mp4").write_text("words")
    assert not is_whole(tmp_path / "text.mp4") and not is_whole(tmp_path / "gone.mp4")
