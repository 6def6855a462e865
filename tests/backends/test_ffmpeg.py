"""Copies keep every frame's time, and a copy is whole or absent."""

import os
import select
import shutil
import subprocess
from pathlib import Path

import pytest

from dashtools.backends.decode import PyavDecoder
from dashtools.backends.ffmpeg import FfmpegEncoder, _Job, _Source, build_argv, find_ffmpeg
from dashtools.errors import ArchivalError, BackendUnavailable, BadInput, OutputRefused

CLIPS = {
    "plain": "-f lavfi -i testsrc2=d=2:r=30:s=320x240 -c:v libx264",
    "b_frames": "-f lavfi -i testsrc2=d=2:r=30:s=320x240 -c:v libx264 -bf 3",
    "ntsc": "-f lavfi -i testsrc2=d=2:r=30000/1001:s=320x240 -c:v libx264 -bf 2",
    "variable_rate": "-f lavfi -i testsrc2=d=3:r=30:s=320x240 -vf select='not(mod(n\\,3))+gt(mod(n\\,7)\\,4)'"
    " -fps_mode passthrough -enc_time_base 1:90000 -c:v libx264 -bf 3",
    "sound_first": "-itsoffset 0.7 -f lavfi -i testsrc2=d=2:r=30:s=320x240 -f lavfi -i sine=d=3 -c:v libx264 -bf 2"
    " -c:a aac",
    "sound_later": "-f lavfi -i testsrc2=d=2:r=30:s=320x240 -itsoffset 0.4 -f lavfi -i sine=d=1 -c:v libx264 -c:a aac",
    "odd_size": "-f lavfi -i testsrc2=d=1:r=25:s=321x241 -c:v libx264 -pix_fmt yuv444p",
    "large": "-f lavfi -i testsrc2=d=0.5:r=10:s=1920x1080 -c:v libx264",
}


def made(folder: Path, name: str, arguments: str, suffix: str = ".mp4") -> Path:
    target = folder / (name + suffix)
    if not target.exists():
        ffmpeg = str(find_ffmpeg())
        encoding = ["-preset", "ultrafast", "-threads", "1", str(target)]
        words = [word.replace("'", "") for word in arguments.split()]
        subprocess.run([ffmpeg, "-v", "error", "-y", *words, *encoding], check=True)
    return target


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ffmpeg_clips")
    return lambda name: made(folder, name, CLIPS[name])


def times_ms(path):
    return [frame.pts_ms for frame in PyavDecoder(threads=1).frames(path)]


def stream_starts(path):
    import av

    with av.open(str(path)) as container:
        return {s.type: float(s.start_time * s.time_base) for s in container.streams}


@pytest.mark.parametrize("name", [name for name in CLIPS if name != "large"])
def test_every_frame_keeps_its_time(clips, tmp_path, name):
    target = tmp_path / "copy.mp4"
    FfmpegEncoder().downscale(clips(name), target, height=120)
    ours, theirs = times_ms(target), times_ms(clips(name))
    assert len(ours) == len(theirs)
    assert max(abs(a - b) for a, b in zip(ours, theirs)) <= 1
    assert stream_starts(target)["video"] == 0.0


def test_a_transport_stream_and_a_cut_with_an_edit_list_keep_their_times(clips, tmp_path):
    ffmpeg = str(find_ffmpeg())
    for argv in (
        ["-i", str(clips("b_frames")), "-c", "copy", str(tmp_path / "a.ts")],
        ["-ss", "0.55", "-i", str(clips("b_frames")), "-c", "copy", str(tmp_path / "b.mp4")],
    ):
        subprocess.run([ffmpeg, "-v", "error", *argv], check=True)
        source, target = Path(argv[-1]), tmp_path / "copy.mp4"
        FfmpegEncoder().downscale(source, target, height=120)
        ours, theirs = times_ms(target), times_ms(source)
        assert len(ours) == len(theirs) > 20
        assert max(abs(a - b) for a, b in zip(ours, theirs)) <= 1


def sound_onset_s(path):
    """When the first sample louder than a tenth of full scale is heard, from the first displayed frame."""
    import av
    import numpy as np

    with av.open(str(path)) as container:
        video = container.streams.video[0]
        start_s = float((video.start_time or 0) * video.time_base)
        for frame in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.05)
            if len(loud) and (at := frame.time + loud[0] / frame.sample_rate - start_s) > -1e-3:
                return at
    return None


def test_sound_that_starts_later_stays_with_the_picture(clips, tmp_path):
    FfmpegEncoder().downscale(clips("sound_later"), tmp_path / "c.mp4", height=120)
    assert sound_onset_s(tmp_path / "c.mp4") == pytest.approx(sound_onset_s(clips("sound_later")), abs=0.03)


def test_sound_before_the_first_picture_is_cut_and_the_rest_stays_in_step(clips, tmp_path):
    FfmpegEncoder().downscale(clips("sound_first"), tmp_path / "c.mp4", height=120)
    starts = stream_starts(tmp_path / "c.mp4")
    assert starts["video"] == 0.0 and abs(starts["audio"]) < 0.03


@pytest.mark.parametrize("name,size", [("large", (1280, 720)), ("plain", (320, 240)), ("odd_size", (320, 240))])
def test_a_copy_is_never_enlarged_and_has_even_sides(clips, tmp_path, name, size):
    FfmpegEncoder().downscale(clips(name), tmp_path / "c.mp4", height=720)
    facts = PyavDecoder().facts(tmp_path / "c.mp4")
    assert (facts.width, facts.height) == size
    assert facts.codec == "h264"


def test_the_index_comes_before_the_pictures(clips, tmp_path):
    FfmpegEncoder().downscale(clips("plain"), tmp_path / "c.mp4", height=120)
    content = (tmp_path / "c.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_the_same_clip_gives_the_same_bytes(clips, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        FfmpegEncoder().downscale(clips("sound_first"), tmp_path / name, height=120)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_damaged_clip_gives_what_decodes_and_the_same_each_time(clips, tmp_path):
    content = bytearray(clips("plain").read_bytes())
    for at in range(len(content) // 2, len(content) // 2 + 4000, 97):
        content[at] ^= 0xFF
    (tmp_path / "damaged.mp4").write_bytes(content)
    for name in ("a.mp4", "b.mp4"):
        FfmpegEncoder().downscale(tmp_path / "damaged.mp4", tmp_path / name, height=120)
    assert len(times_ms(tmp_path / "a.mp4")) >= 20
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_file_without_pictures_is_bad_input(tmp_path):
    (tmp_path / "no.mp4").write_bytes(b"not a video at all" * 100)
    with pytest.raises(BadInput, match=r"no\.mp4"):
        FfmpegEncoder().downscale(tmp_path / "no.mp4", tmp_path / "c.mp4", height=120)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["no.mp4"]


def test_progress_rises_to_the_end(clips, tmp_path):
    shares = []
    FfmpegEncoder().downscale(clips("plain"), tmp_path / "c.mp4", height=120, progress=shares.append)
    assert shares == sorted(shares) and shares[-1] > 0.9


def program(folder: Path, encoding: str) -> Path:
    """An ffmpeg that looks at clips as the real one does and encodes as told."""
    path = folder / "ffmpeg"
    path.write_text(
        "#!/bin/sh\n"
        f'case "$*" in -version|*showinfo*) exec {find_ffmpeg()} "$@";; esac\n'
        f'for last do :; done; printf half > "$last"\n{encoding}\n'
    )
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "message,error",
    [
        ("av_interleaved_write_frame(): No space left on device", OutputRefused),
        ("out.mp4: Read-only file system", OutputRefused),
        ("Unknown encoder 'libx264'", BackendUnavailable),
        ("Conversion failed!", ArchivalError),
    ],
)
def test_what_ffmpeg_says_decides_what_becomes_of_the_task(clips, tmp_path, message, error):
    fake = program(tmp_path, f'echo "{message}" >&2; exit 1')
    with pytest.raises(error):
        FfmpegEncoder(fake).downscale(clips("plain"), tmp_path / "c.mp4", height=120)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ffmpeg"]


def test_a_full_disk_that_ffmpeg_shrugs_off_is_still_refused(clips, tmp_path):
    fake = program(tmp_path, 'echo "Error writing trailer: No space left on device" >&2; exit 0')
    with pytest.raises(OutputRefused):
        FfmpegEncoder(fake).downscale(clips("plain"), tmp_path / "c.mp4", height=120)


def test_a_hung_ffmpeg_is_ended_with_its_children(clips, tmp_path):
    fake = program(tmp_path, f"sleep 1000 & echo $! > {tmp_path}/child; while :; do echo frame=1; sleep 0.05; done")
    with pytest.raises(ArchivalError, match="hung"):
        FfmpegEncoder(fake, hang_s=1.0).downscale(clips("plain"), tmp_path / "c.mp4", height=120)
    child = int((tmp_path / "child").read_text())
    assert ends(child)
    assert not (tmp_path / "c.mp4").exists()


def test_an_interrupt_ends_ffmpeg(clips, tmp_path):
    fake = program(tmp_path, f"echo $$ > {tmp_path}/child; echo out_time_us=1; exec sleep 1000")

    def interrupt(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FfmpegEncoder(fake).downscale(clips("plain"), tmp_path / "c.mp4", height=120, progress=interrupt)
    assert ends(int((tmp_path / "child").read_text()))


def ends(process_id: int) -> bool:
    """Does this process end (a kill of a grandchild is seen a moment later)?"""
    try:
        descriptor = os.pidfd_open(process_id)
    except ProcessLookupError:
        return True
    with os.fdopen(descriptor):
        watch = select.poll()  # select() refuses descriptors above 1023
        watch.register(descriptor, select.POLLIN)
        return bool(watch.poll(30_000))


def test_the_environment_names_the_program_and_a_wrong_name_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("DASH_FFMPEG", str(tmp_path / "absent"))
    with pytest.raises(BackendUnavailable, match="DASH_FFMPEG"):
        find_ffmpeg()


def test_without_any_program_the_bundled_one_is_used(monkeypatch):
    pytest.importorskip("imageio_ffmpeg")
    monkeypatch.delenv("DASH_FFMPEG", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert os.access(find_ffmpeg(), os.X_OK)


@pytest.mark.parametrize("version,option", [("4.4.2", "-vsync"), ("5.1.9", "-fps_mode"), ("n9.0.2-17", "-fps_mode")])
def test_the_option_that_keeps_times_follows_the_version(version, option):
    job = _Job(Path("a"), Path("b"), _Source(0.0, 1.0, has_audio=False), 720)
    argv = build_argv(Path("ffmpeg"), version, job, is_careful=False)
    assert option in argv


def test_a_name_with_a_colon_or_dash_is_a_file(clips, tmp_path, monkeypatch):
    source = tmp_path / "-x:y 100% [1].mp4"
    shutil.copy(clips("plain"), source)
    FfmpegEncoder().downscale(source, tmp_path / "out put: %d.mp4", height=120)
    assert len(times_ms(tmp_path / "out put: %d.mp4")) == 60


@pytest.mark.realdata
@pytest.mark.parametrize("clip", ["video/test_video.mp4", "video/mock.mp4", "broken/bitflips_400.MP4"])
def test_copies_of_real_clips_keep_their_times(realdata, tmp_path, clip):
    FfmpegEncoder().downscale(realdata / clip, tmp_path / "c.mp4", height=360)
    ours, theirs = times_ms(tmp_path / "c.mp4"), times_ms(realdata / clip)
    assert len(ours) == len(theirs)
    assert max(abs(a - b) for a, b in zip(ours, theirs)) <= 1
