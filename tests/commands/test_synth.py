"""dc-synth on its command line."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from dashtools.commands.synth import command, parse_size
from dashtools.errors import Usage


def test_it_prints_the_path_of_each_clip_it_wrote(tmp_path):
    pytest.importorskip("av")
    words = [str(tmp_path / "drive"), "--seconds", "2", "--clips", "1", "--fps", "2", "--size", "320x180"]
    result = CliRunner().invoke(command, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout.split() == [str(tmp_path / "drive" / "2024_0115_142300_0001F.MP4")]
    assert sorted(path.suffix for path in (tmp_path / "drive").iterdir()) == [".MP4", ".json"]


@pytest.mark.parametrize("size", ["1280", "1281x720", "100x100", "axb"])
def test_a_size_that_h264_cannot_take_is_a_usage_error(size):
    with pytest.raises(Usage, match="--size"):
        parse_size(size)
