"""Small copies of clips, made by an ffmpeg program; the only file that knows its options."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from dashtools.backends.subprocesses import Ended, run_watched
from dashtools.backends.video_encoders import SOFTWARE, VideoEncoder, choose
from dashtools.errors import ArchivalError, BackendUnavailable, BadInput, OutputRefused
from dashtools.files import refusals, sync_folder
from dashtools.log import LOGGER
from dashtools.ports import CopyStyle

_REFUSED = ("No space left on device", "Read-only file system", "Disk quota exceeded", "File too large")
_TIME_BASE = "1:90000"  # MPEG's clock (ISO 13818-1, 2.4.2.1): finer than any camera's
_HANG_S = 120.0  # no frame for so long at this size means a hung program, not a slow one


def find_ffmpeg() -> Path:
    """The ffmpeg to use: $DASH_FFMPEG, then the PATH's, then the one that imageio-ffmpeg brings."""
    named = os.environ.get("DASH_FFMPEG")
    if named:
        if not os.access(named, os.X_OK):
            raise BackendUnavailable(f"$DASH_FFMPEG is {named}, which is not a program")
        return Path(named)
    found = shutil.which("ffmpeg")
    if found:
        return Path(found)
    try:
        import imageio_ffmpeg

        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise BackendUnavailable(
            "no ffmpeg on this host; install the package ffmpeg, or imageio-ffmpeg, or set $DASH_FFMPEG"
        ) from error


_PLAIN = CopyStyle()


@dataclass(frozen=True)
class _Source:
    """What a first look says: the time of the first displayed frame, the length, whether sound is there."""

    start_s: float
    duration_s: float
    has_audio: bool


@dataclass(frozen=True)
class _Job:
    """All that one run of the program depends on."""

    source: Path
    target: Path
    seen: _Source
    height: int
    style: CopyStyle = _PLAIN
    encoder: VideoEncoder = SOFTWARE["h264"]
    subtitles: Path | None = None


class FfmpegEncoder:
    """Makes MP4 copies with every frame's own time; see ports.Encoder.

    The same input gives the same bytes with the same ffmpeg build and a software encoder; across builds, and with a
    hardware encoder, only the times are promised.
    """

    def __init__(self, program: Path | None = None, *, hang_s: float = _HANG_S) -> None:
        self._given = program
        self._hang_s = hang_s
        self._chosen: dict[str, VideoEncoder] = {}

    @cached_property
    def program(self) -> Path:
        return self._given or find_ffmpeg()

    @cached_property
    def version(self) -> str:
        """As the program names itself, such as "5.1.9-0+deb12u1"."""
        try:
            said = subprocess.run([str(self.program), "-version"], capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BackendUnavailable(f"{self.program} does not run: {error}") from error
        match = re.match(r"ffmpeg version (\S+)", said.stdout)
        if not match:
            raise BackendUnavailable(f"{self.program} is not an ffmpeg: {said.stdout[:80] or said.stderr[:80]!r}")
        return match[1]

    def downscale(
        self,
        source: Path,
        target: Path,
        *,
        height: int,
        style: CopyStyle = _PLAIN,
        progress: Callable[[float], None] | None = None,
    ) -> str:
        """A copy at most `height` high, never enlarged, first displayed frame at 0, faststart, sound kept.

        Gives the encoder's name. Damaged input gives what decodes; BadInput when that is nothing. `target` appears
        whole or not at all.
        """
        seen = self._look(source)
        partial = target.with_name(f".{target.name}.part")
        lines = target.with_name(f".{target.name}.srt")
        told = _share_of(seen.duration_s, progress)
        encoder = self.encoder_for(style)
        job = _Job(source, partial, seen, height, style, encoder, lines if style.subtitles else None)
        try:
            with refusals(target):
                lines.write_text(style.subtitles, encoding="utf-8")
            ended, job = self._tried(job, told)
            self._judge(ended, source, target, partial)
            with refusals(target), open(partial, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(partial, target)
            sync_folder(target.parent)
            told("out_time_us=" + str(round(seen.duration_s * 1e6)))
        finally:
            partial.unlink(missing_ok=True)
            lines.unlink(missing_ok=True)
        return f"ffmpeg-{job.encoder.name}"

    def encoder_for(self, style: CopyStyle) -> VideoEncoder:
        """The encoder for copies of this style; the fall-back from hardware is told once."""
        if not style.is_hardware_allowed:
            return SOFTWARE[style.codec]
        if style.codec not in self._chosen:
            chosen = choose(self.program, style.codec)
            self._chosen[style.codec] = chosen.encoder
            reasons = "; ".join(f"{name}: {reason}" for name, reason in chosen.refused.items())
            LOGGER.info("small copies are made by %s%s", chosen.encoder.name, f" ({reasons})" if reasons else "")
        return self._chosen[style.codec]

    def _tried(self, job: _Job, told: Callable[[str], bool]) -> tuple[Ended, _Job]:
        """The run that counts: the quick one, or what is left to try after it, each more patient with damage."""
        ended = self._encode(job, told, is_careful=False)
        if (ended.status != 0 or ended.complaints) and job.encoder.is_hardware and not _is_refusal(ended):
            LOGGER.warning(
                "%s failed on %s, so software encodes it: %s", job.encoder.name, job.source.name, _last_words(ended)
            )
            job = replace(job, encoder=SOFTWARE[job.style.codec])
            ended = self._encode(job, told, is_careful=False)
        if (ended.status != 0 or ended.complaints) and not _is_refusal(ended):
            ended = self._encode(job, told, is_careful=True)
        if ended.status != 0 and job.seen.has_audio and not _is_refusal(ended):
            job = replace(job, seen=replace(job.seen, has_audio=False))  # a sound that cannot be decoded
            ended = self._encode(job, told, is_careful=True)
        return ended, job

    def _look(self, source: Path) -> _Source:
        """Decodes one frame to learn where the picture starts on the container's clock."""
        argv = [str(self.program), "-hide_banner", "-nostdin", "-copyts", *_INPUT_FLAGS, "-i", _as_file(source)]
        argv += ["-map", "0:v:0", "-frames:v", "1", "-vf", "showinfo", "-f", "null", "-"]
        ended = run_watched(argv, hang_s=self._hang_s, keep_lines=20_000)
        text = "\n".join(ended.complaints)
        first = re.search(r"\] n: *0 .*?pts_time:(-?[\d.]+)", text)
        length = re.search(r"Duration: (\d+):(\d+):([\d.]+)", text)
        if first is None:
            raise BadInput(f"{source.name}: ffmpeg decodes no picture of it: {_last_words(ended)}")
        hours, minutes, seconds = length.groups() if length else ("0", "0", "0")
        duration_s = 3600 * int(hours) + 60 * int(minutes) + float(seconds)
        return _Source(float(first[1]), duration_s, has_audio=re.search(r"Stream #0:\d+.*: Audio: ", text) is not None)

    def _encode(self, job: _Job, told: Callable[[str], bool], *, is_careful: bool) -> Ended:
        """One run. The quick one uses every core and stops at the first complaint; the careful one decodes on
        one thread, because concealment of lost blocks depends on thread timing, and goes on through damage."""
        argv = build_argv(self.program, self.version, job, is_careful=is_careful)
        return run_watched(argv, hang_s=self._hang_s, on_line=told, stop_on_complaint=not is_careful)

    def _judge(self, ended: Ended, source: Path, target: Path, partial: Path) -> None:
        """Passes a good run; raises what a bad one means."""
        words = _last_words(ended)
        if _is_refusal(ended):
            raise OutputRefused(f"cannot write {target}: {words}; make room, it will be tried again")
        if "Unknown encoder" in "\n".join(ended.complaints):
            raise BackendUnavailable(f"{self.program} lacks an encoder ({words}); install an ffmpeg that has it")
        if ended.status != 0:
            raise ArchivalError(f"ffmpeg ended with {ended.status} on {source.name}: {words}")
        if not partial.is_file() or partial.stat().st_size == 0:
            raise BadInput(f"{source.name}: not one frame could be copied: {words}")


_INPUT_FLAGS = ("-fflags", "+genpts", "-flags", "+output_corrupt")


def build_argv(program: Path, version: str, job: _Job, *, is_careful: bool) -> list[str]:
    """The whole command line. Input times are the container's own (-copyts); the picture's start becomes 0.

    No B-frames: the first picture then has time 0 without an edit list, whatever the player thinks of those.
    """
    import ffmpeg  # ffmpeg-python: builds arguments only

    start_s, encoder = job.seen.start_s, job.encoder
    given = ffmpeg.input(
        _as_file(job.source),
        fflags="+genpts",
        flags="+output_corrupt",
        **({"threads": 1} if is_careful else {}),
    )
    video = given["v:0"].filter("scale", w=-2, h=f"trunc(min(ih,{job.height})/2)*2", flags=_SCALER)
    video = video.filter("setpts", "PTS-STARTPTS")
    for enable in _blanks(job.style):
        video = video.filter("drawbox", x=0, y=0, w="iw", h="ih", color="black", t="fill", enable=enable)
    for name, value in encoder.last_filters:
        video = video.filter(name, value) if value else video.filter(name)
    streams = [video]
    if job.seen.has_audio:
        sound = given["a:0"].filter("atrim", start=f"{start_s:.6f}").filter("asetpts", f"PTS-{start_s:.6f}/TB")
        for enable in _blanks(job.style):
            sound = sound.filter("volume", 0, enable=enable)
        streams.append(sound)
    options: dict[str, Any] = {
        "c:v": encoder.name, **encoder.options, "enc_time_base:v": _TIME_BASE, "video_track_timescale": 90000,
        "flags:v": "+bitexact", "fflags": "+bitexact", "map_metadata": -1, "map_chapters": -1,
        "movflags": "+faststart", "f": "mp4", "max_muxing_queue_size": 4096,
        **_passthrough(version),
    }  # fmt: skip
    if job.seen.has_audio:
        options |= {"c:a": "aac", "b:a": "64k", "flags:a": "+bitexact"}
    if job.subtitles is not None:
        streams.append(ffmpeg.input(_as_file(job.subtitles), f="srt")["s:0"])
        options |= {"c:s": "mov_text"}
    stream = ffmpeg.output(*streams, str(job.target), **options)
    head = ["-hide_banner", "-nostdin", "-v", "error", "-nostats", "-progress", "pipe:1", "-copyts", "-y"]
    head += ["-max_error_rate", "1", *encoder.before]
    return [str(program), *head, *stream.get_args()]


def _blanks(style: CopyStyle) -> list[str]:
    """When a filter that blanks is on, in ffmpeg's expressions of the copy's own time."""
    found = []
    for first_ms, last_ms in style.blank_ms:
        start, end = f"{first_ms / 1000:.3f}", None if last_ms is None else f"{last_ms / 1000:.3f}"
        found.append(f"gte(t,{start})" if end is None else f"between(t,{start},{end})")
    return found


_SCALER = "bicubic+accurate_rnd+bitexact"


def _passthrough(version: str) -> dict[str, Any]:
    """The option that keeps each frame's time; its name changed with ffmpeg 5.1."""
    match = re.match(r"n?(\d+)\.(\d+)", version)
    is_old = match is not None and (int(match[1]), int(match[2])) < (5, 1)
    return {"vsync": 0} if is_old else {"fps_mode": "passthrough"}


def _as_file(path: Path) -> str:
    """The path as a URL of ffmpeg's: a name with a colon or a leading dash stays a file name."""
    return f"file:{path}"


def _share_of(duration_s: float, progress: Callable[[float], None] | None) -> Callable[[str], bool]:
    """A listener for -progress lines: reports the share done, tells whether the line shows an advance.

    Newer ffmpegs go on saying the same numbers while their input hangs, so a line alone is no sign of life.
    """
    last: dict[str, str] = {}

    def told(line: str) -> bool:
        key, _, value = line.partition("=")
        has_moved = key in ("frame", "out_time_us", "total_size") and last.get(key) != value
        last[key] = value
        if progress is not None and key == "out_time_us" and value.lstrip("-").isdigit() and duration_s > 0:
            progress(min(1.0, max(0.0, int(value) / 1e6 / duration_s)))
        return has_moved

    return told


def _is_refusal(ended: Ended) -> bool:
    return any(phrase in line for line in ended.complaints for phrase in _REFUSED)


def _last_words(ended: Ended) -> str:
    return ended.complaints[-1].strip() if ended.complaints else f"status {ended.status}, no message"


def copy_segment(
    program: Path, source: Path, target: Path, *, start_s: float, end_s: float, has_sound: bool = True
) -> None:
    """A part of a clip, nothing encoded anew: from the keyframe at or before `start_s` to about `end_s`.

    Pictures and sound only; times begin at 0. `target` appears whole or not at all.
    """
    _segment(program, source, target, start_s, end_s, has_sound, ["-c", "copy", "-copy_unknown"])


def encode_segment(
    program: Path, source: Path, target: Path, *, start_s: float, end_s: float, has_sound: bool = True
) -> None:
    """The part between two moments, encoded anew so that it begins at the very picture. Whole or not at all."""
    video = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p"]
    _segment(program, source, target, start_s, end_s, has_sound, [*video, "-c:a", "aac", "-b:a", "128k"])


def _segment(
    program: Path, source: Path, target: Path, start_s: float, end_s: float, has_sound: bool, codecs: list[str]
) -> None:
    partial = target.with_name(f".part.{target.name}")  # the suffix tells ffmpeg the container
    argv = [str(program), "-hide_banner", "-nostdin", "-v", "error", "-y", "-ss", f"{max(0.0, start_s):.3f}"]
    argv += ["-i", _as_file(source), "-t", f"{end_s - max(0.0, start_s):.3f}", "-map", "0:v:0"]
    argv += [*(["-map", "0:a?"] if has_sound else []), *codecs]
    argv += ["-avoid_negative_ts", "make_zero", _as_file(partial)]
    try:
        ended = run_watched(argv, hang_s=_HANG_S)
        if _is_refusal(ended):
            raise OutputRefused(f"cannot write {target}: {_last_words(ended)}")
        if ended.status != 0 or not partial.is_file() or partial.stat().st_size == 0:
            raise BadInput(f"{source.name}: no segment can be copied out of it: {_last_words(ended)}")
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
