"""Hardware makes the copies where it works, software where not; either is told; HEVC, subtitles and blanks."""

import logging
import stat
import subprocess
import sys

import numpy as np
import pytest

from dashtools.backends import ffmpeg as backend
from dashtools.backends import video_encoders
from dashtools.backends.decode import PyavDecoder
from dashtools.backends.ffmpeg import FfmpegEncoder, find_ffmpeg
from dashtools.backends.video_encoders import HARDWARE, SOFTWARE, VideoEncoder, choose
from dashtools.ports import CopyStyle

SRT = (
    "1\n00:00:00,000 --> 00:00:01,000\n52.25000 20.80000  36 km/h\n\n"
    "2\n00:00:01,000 --> 00:00:02,000\n52.25100 20.80000\n\n"
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("encoders") / "clip.mp4"
    lavfi = ["-f", "lavfi", "-i", "testsrc2=d=2:r=10:s=320x240", "-f", "lavfi", "-i", "sine=d=2"]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]
    subprocess.run([str(find_ffmpeg()), "-v", "error", *lavfi, *coding, str(path)], check=True)
    return path


def pretending(folder, *working):
    """An ffmpeg in which these hardware encoders work (software does it) and no other does."""
    path = folder / "ffmpeg"
    lines = [
        f"#!{sys.executable}",
        "import os, sys",
        f"working, known = {list(working)!r}, {[e.name for codec in HARDWARE.values() for e in codec]!r}",
        "words = sys.argv[1:]",
        "named = [w for w in words if w in known]",
        "if named and named[0] not in working:",
        "    sys.exit('Cannot load libhardware.so.1')",
        "if named and 'lavfi' not in words and 'broken' in os.path.basename(__file__) + ' '.join(words):",
        "    sys.exit('the card fell off the bus')",
        "at = words.index(named[0]) - 1 if named else None",
        "if named:",
        "    words[at + 1] = 'libx264'",
        "    for option in ('-preset', '-rc', '-cq', '-b:v'):",
        "        if option in words:",
        "            place = words.index(option); del words[place:place + 2]",
        f"os.execv({str(find_ffmpeg())!r}, ['ffmpeg', *words])",
    ]
    path.write_text("\n".join(lines) + "\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture(scope="module")
def broken_clip(clip, tmp_path_factory):
    """A clip that the pretended hardware fails on."""
    path = tmp_path_factory.mktemp("encoders") / "broken_for_hardware.mp4"
    path.write_bytes(clip.read_bytes())
    return path


@pytest.fixture(autouse=True)
def devices(monkeypatch):
    """Every device is there; whether an encoder works is for the program to say."""
    monkeypatch.setattr(video_encoders, "has_device", lambda name: True)


def codec_of(path):
    return PyavDecoder().facts(path).codec


def test_the_first_hardware_encoder_that_works_is_taken(tmp_path):
    found = choose(pretending(tmp_path, "h264_nvenc"), "h264")
    assert found.encoder.name == "h264_nvenc" and found.refused == {}


def test_where_none_works_software_does_it_and_each_reason_is_told(tmp_path, caplog, clip, monkeypatch):
    monkeypatch.setattr(logging.getLogger("dashtools"), "propagate", True)
    encoder = FfmpegEncoder(pretending(tmp_path))
    with caplog.at_level(logging.INFO, "dashtools"):
        names = [
            encoder.downscale(clip, tmp_path / f"{n}.mp4", height=120, style=CopyStyle(is_hardware_allowed=True))
            for n in range(2)
        ]
    assert names == ["ffmpeg-libx264"] * 2
    told = {id(record): record.message for record in caplog.records}  # one record may be caught on two ways up
    (line,) = [message for message in told.values() if "made by libx264" in message]
    assert all(f"{e.name}: Cannot load libhardware.so.1" in line for e in HARDWARE["h264"])


def test_where_there_is_no_device_nothing_is_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(video_encoders, "has_device", lambda name: "nvenc" not in name)
    found = choose(pretending(tmp_path, "h264_nvenc", "h264_qsv"), "h264")
    assert found.encoder.name == "h264_qsv" and found.refused == {"h264_nvenc": "no such device"}


def test_hardware_is_not_even_tried_unless_it_is_allowed(tmp_path, clip):
    encoder = FfmpegEncoder(pretending(tmp_path, "h264_nvenc"))
    assert encoder.downscale(clip, tmp_path / "a.mp4", height=120) == "ffmpeg-libx264"
    style = CopyStyle(is_hardware_allowed=True)
    assert encoder.downscale(clip, tmp_path / "b.mp4", height=120, style=style) == "ffmpeg-h264_nvenc"


def test_a_clip_that_hardware_fails_on_is_encoded_by_software(tmp_path, broken_clip):
    encoder = FfmpegEncoder(pretending(tmp_path, "h264_nvenc"))
    style = CopyStyle(is_hardware_allowed=True)
    assert encoder.downscale(broken_clip, tmp_path / "c.mp4", height=120, style=style) == "ffmpeg-libx264"
    assert sum(1 for _ in PyavDecoder().frames(tmp_path / "c.mp4")) == 20


def test_every_hardware_encoder_has_a_software_one_of_its_codec():
    for codec, encoders in HARDWARE.items():
        assert all(e.name.startswith(codec) and e.is_hardware for e in encoders)
        assert not SOFTWARE[codec].is_hardware
    assert isinstance(SOFTWARE["h264"], VideoEncoder)


def test_hevc_keeps_every_frames_time_and_starts_at_once(tmp_path, clip):
    target = tmp_path / "c.mp4"
    assert FfmpegEncoder().downscale(clip, target, height=120, style=CopyStyle(codec="hevc")) == "ffmpeg-libx265"
    assert codec_of(target) == "hevc"
    assert [frame.pts_ms for frame in PyavDecoder().frames(target)] == list(range(0, 2000, 100))
    content = target.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat") and b"hvc1" in content


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_the_same_input_gives_the_same_bytes(tmp_path, clip, codec):
    style = CopyStyle(codec=codec, subtitles=SRT, blank_ms=((500, 900),))
    for name in ("a.mp4", "b.mp4"):
        FfmpegEncoder().downscale(clip, tmp_path / name, height=120, style=style)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_the_track_is_in_the_copy_as_subtitles(tmp_path, clip):
    target = tmp_path / "c.mp4"
    FfmpegEncoder().downscale(clip, target, height=120, style=CopyStyle(subtitles=SRT))
    argv = [str(find_ffmpeg()), "-v", "error", "-i", str(target), "-map", "0:s:0", "-f", "srt", "-"]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split() == SRT.split()
    assert [frame.pts_ms for frame in PyavDecoder().frames(target)] == list(range(0, 2000, 100))
    assert not [path for path in tmp_path.iterdir() if path.name != "c.mp4"]
    import av

    with av.open(str(target)) as container:
        assert [s.type for s in container.streams] == ["video", "audio", "subtitle"]


def loudness(path):
    import av

    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            yield frame.time, float(np.abs(frame.to_ndarray()).max())


def test_withheld_spans_are_black_and_silent_and_the_rest_is_not(tmp_path, clip):
    target = tmp_path / "c.mp4"
    FfmpegEncoder().downscale(clip, target, height=120, style=CopyStyle(blank_ms=((0, 450), (1500, None))))
    for frame in PyavDecoder().frames(target):
        is_blank = frame.pts_ms <= 450 or frame.pts_ms >= 1500
        assert (frame.bgr().max() < 24) == is_blank, frame.pts_ms
    for at_s, level in loudness(target):
        if 0.06 < at_s < 0.4 or 1.6 < at_s < 1.9:
            assert level < 0.01, at_s
        elif 0.55 < at_s < 1.4:
            assert level > 0.02, at_s


def test_a_full_disk_under_the_subtitles_leaves_nothing(tmp_path, clip, monkeypatch):
    from dashtools.errors import OutputRefused

    def full(path, *words, **options):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(backend.Path, "write_text", full)
    with pytest.raises(OutputRefused):
        FfmpegEncoder().downscale(clip, tmp_path / "c.mp4", height=120, style=CopyStyle(subtitles=SRT))
    assert list(tmp_path.iterdir()) == []
