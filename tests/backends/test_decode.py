from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from dashtools.backends.decode import PyavDecoder
from dashtools.errors import UnreadableClip
from dashtools.ports import Damage


def prints(path: Path, damage: Damage | None = None, threads: int = 0) -> list[tuple[int, int, str]]:
    """Number, time and content of every frame."""
    drawn = PyavDecoder(threads).frames(path, damage)
    return [(f.index, f.pts_ms, hashlib.sha1(f.grey(2).tobytes()).hexdigest()) for f in drawn]


def test_times_are_the_real_ones_counted_from_the_first_displayed_frame(uneven_clip: Path) -> None:
    assert [at for _, at, _ in prints(uneven_clip)] == [0, 40, 200, 1000, 1010, 1500]


def test_frames_come_in_presentation_order_numbered_from_zero(uneven_clip: Path) -> None:
    frames = [(f.index, float(f.grey().mean())) for f in PyavDecoder().frames(uneven_clip)]
    assert [index for index, _ in frames] == [0, 1, 2, 3, 4, 5]
    assert [brightness for _, brightness in frames] == sorted(brightness for _, brightness in frames)


def test_grey_steps_over_the_decoders_padding(uneven_clip: Path) -> None:
    frame = next(PyavDecoder().frames(uneven_clip))
    assert frame.grey().shape == (48, 64)
    assert frame.grey(4).shape == (12, 16)
    assert np.array_equal(frame.grey()[::4, ::4], frame.grey(4))


def test_the_colour_picture_is_an_own_copy(uneven_clip: Path) -> None:
    frames = PyavDecoder().frames(uneven_clip)
    first = next(frames).bgr()
    kept = first.copy()
    list(frames)
    assert first.flags.writeable and np.array_equal(first, kept)


def test_facts_name_size_codec_and_length(uneven_clip: Path) -> None:
    facts = PyavDecoder().facts(uneven_clip)
    assert (facts.width, facts.height, facts.codec, facts.has_audio) == (64, 48, "h264", False)
    assert facts.frame_count == 6


def test_a_whole_clip_has_no_damage_and_a_whole_tail(uneven_clip: Path) -> None:
    damage = Damage()
    prints(uneven_clip, damage)
    assert damage == Damage()
    assert PyavDecoder().probe_tail(uneven_clip)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [("empty.mp4", b"", "empty"), ("noise.mp4", bytes(range(256)) * 40, "libav")],
    ids=["empty", "noise"],
)
def test_bytes_that_are_no_clip_are_unreadable_with_a_reason(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableClip, match=reason) as caught:
        PyavDecoder().facts(path)
    assert caught.value.filename == name


def test_a_missing_file_is_not_called_unreadable(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PyavDecoder().facts(tmp_path / "gone.mp4")


@pytest.mark.realdata
@pytest.mark.parametrize(
    "name",
    [
        "chunk_out_of_range.mp4",
        "empty.MP4",
        "ftyp_only.MP4",
        "moov_cut_halfway.MP4",
        "not_a_video.MP4",
        "powercut_no_moov.MP4",
        "zero_empty_stsc.mp4",
    ],
)
def test_each_broken_clip_is_unreadable(realdata: Path, name: str) -> None:
    with pytest.raises(UnreadableClip):
        PyavDecoder().facts(realdata / "broken" / name)


@pytest.mark.realdata
def test_zeros_in_the_second_half_cost_only_the_second_half(realdata: Path) -> None:
    damage = Damage()
    frames = prints(realdata / "broken" / "zero_filled_second_half.MP4", damage)
    assert [index for index, _, _ in frames] == list(range(6))
    assert damage.lost_frames == 5 and damage.decode_errors == 5
    assert 0 < len(damage.messages) <= 5


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["bitflips_400.MP4", "zero_filled_second_half.MP4"])
def test_a_damaged_clip_gives_the_same_frames_on_any_number_of_threads(realdata: Path, name: str) -> None:
    path = realdata / "broken" / name
    assert prints(path) == prints(path) == prints(path, threads=1)


@pytest.mark.realdata
def test_flipped_bits_are_counted_and_the_tail_is_known_bad(realdata: Path) -> None:
    path = realdata / "broken" / "bitflips_400.MP4"
    damage = Damage()
    assert len(prints(path, damage)) == 11
    assert damage.corrupt_frames == 11
    assert not PyavDecoder().probe_tail(path)


def test_a_clip_whose_first_half_is_zeros_is_readable_and_says_how_much_is_lost(write_clip, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", [33 * k for k in range(700)], g="30")
    content = bytearray(path.read_bytes())
    start, end = content.index(b"mdat") + 4, content.rindex(b"moov") - 4
    half = (end - start) // 2
    content[start : start + half] = bytes(half)
    path.write_bytes(content)
    facts = PyavDecoder(1).facts(path)
    assert 3000 < facts.lost_head_ms < 20_000
    assert PyavDecoder(1).probe_tail(path)


@pytest.mark.parametrize("spacing", ["15", "120"], ids=["close keyframes", "rare keyframes"])
def test_the_tail_of_a_whole_transport_stream_decodes(write_clip, tmp_path: Path, spacing: str) -> None:
    path = write_clip(tmp_path / "a.ts", [33 * k for k in range(200)], g=spacing, bf="2")
    assert PyavDecoder(1).probe_tail(path)


def test_the_tail_of_a_transport_stream_with_pictures_of_noise_does_not_decode(write_clip, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.ts", [33 * k for k in range(200)], g="30")
    content = bytearray(path.read_bytes())
    for at in range(len(content) * 2 // 3 // 188 * 188, len(content) - 188, 188):
        slice_at = content.find(b"\0\0\1\x41", at, at + 188)  # a non-key picture's slice
        if slice_at > 0:
            content[slice_at + 4 : at + 188] = bytes((k * 31) & 255 for k in range(at + 184 - slice_at))
    path.write_bytes(content)
    assert not PyavDecoder(1).probe_tail(path)
