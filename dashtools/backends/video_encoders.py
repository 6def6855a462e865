"""Which encoder of an ffmpeg makes small copies on this host, and how it is told to: hardware where it works."""

from __future__ import annotations

import glob
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SEEK_FRAMES = 60  # two seconds between keyframes, so that a player reaches any second at once
_THREADS = 4  # fixed, because x264's output depends on it
_X265 = "bframes=0:keyint=60:pools=4:frame-threads=1:log-level=error"
_RENDER_NODE = "/dev/dri/renderD128"
_TRY_S = 30.0
_DEVICES: Mapping[str, tuple[str, ...]] = {
    "nvenc": ("/dev/nvidia[0-9]*", "/dev/dxg"),  # dxg: WSL 2
    "qsv": ("/dev/dri/renderD*",),
    "vaapi": ("/dev/dri/renderD*",),
    "v4l2m2m": ("/dev/video*", "/dev/nvhost-*"),
}
_COMMON: Mapping[str, Any] = {"bf": 0, "g": SEEK_FRAMES}


@dataclass(frozen=True)
class VideoEncoder:
    """One of ffmpeg's encoders; `options` are those of its output, `before` those that come before any input."""

    name: str
    options: Mapping[str, Any]
    is_hardware: bool = True
    before: tuple[str, ...] = ()
    last_filters: tuple[tuple[str, str], ...] = (("format", "yuv420p"),)
    """Filters that bring a picture to where the encoder reads it."""


_TO_CARD = (("format", "nv12"), ("hwupload", ""))
_VAAPI = {"before": ("-vaapi_device", _RENDER_NODE), "last_filters": _TO_CARD}
SOFTWARE: Mapping[str, VideoEncoder] = {
    "h264": VideoEncoder(
        "libx264", {**_COMMON, "preset": "veryfast", "crf": 26, "threads": _THREADS}, is_hardware=False
    ),
    "hevc": VideoEncoder(
        "libx265", {"preset": "veryfast", "crf": 28, "tag:v": "hvc1", "x265-params": _X265}, is_hardware=False
    ),
}
HARDWARE: Mapping[str, tuple[VideoEncoder, ...]] = {
    "h264": (
        VideoEncoder("h264_nvenc", {**_COMMON, "preset": "p4", "rc": "vbr", "cq": 28, "b:v": 0}),
        VideoEncoder("h264_qsv", {**_COMMON, "global_quality": 26}, last_filters=(("format", "nv12"),)),
        VideoEncoder("h264_vaapi", {**_COMMON, "qp": 26}, **_VAAPI),  # type: ignore[arg-type]
        VideoEncoder("h264_v4l2m2m", {**_COMMON, "b:v": "3M"}),
    ),
    "hevc": (
        VideoEncoder("hevc_nvenc", {**_COMMON, "preset": "p4", "rc": "vbr", "cq": 30, "b:v": 0, "tag:v": "hvc1"}),
        VideoEncoder(
            "hevc_qsv", {**_COMMON, "global_quality": 28, "tag:v": "hvc1"}, last_filters=(("format", "nv12"),)
        ),
        VideoEncoder("hevc_vaapi", {**_COMMON, "qp": 28, "tag:v": "hvc1"}, **_VAAPI),  # type: ignore[arg-type]
        VideoEncoder("hevc_v4l2m2m", {**_COMMON, "b:v": "2M", "tag:v": "hvc1"}),
    ),
}


@dataclass(frozen=True)
class Chosen:
    """The encoder to use, and why each of those before it is not used."""

    encoder: VideoEncoder
    refused: Mapping[str, str] = field(default_factory=dict)


def has_device(name: str) -> bool:
    """Is there a device that an encoder of this name could work on? Spares the try where there certainly is none."""
    return any(glob.glob(pattern) for kind, patterns in _DEVICES.items() if kind in name for pattern in patterns)


def choose(program: Path, codec: str) -> Chosen:
    """The first hardware encoder of a codec that encodes a few pictures here; the software one where none does."""
    refused: dict[str, str] = {}
    for encoder in HARDWARE[codec]:
        reason = _trouble(program, encoder) if has_device(encoder.name) else "no such device"
        if reason is None:
            return Chosen(encoder, refused)
        refused[encoder.name] = reason
    return Chosen(SOFTWARE[codec], refused)


def _trouble(program: Path, encoder: VideoEncoder) -> str | None:
    """Why an encoder does not work on this host, or None: only a try tells, for builds list more than there is."""
    filters = ",".join(name if not value else f"{name}={value}" for name, value in encoder.last_filters)
    argv = [str(program), "-hide_banner", "-nostdin", "-v", "error", *encoder.before]
    argv += ["-f", "lavfi", "-i", "color=black:s=640x360:r=10:d=0.5", "-vf", filters, "-c:v", encoder.name]
    argv += [word for key, value in encoder.options.items() for word in (f"-{key}", str(value))]
    try:
        done = subprocess.run([*argv, "-f", "null", "-"], capture_output=True, text=True, timeout=_TRY_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[0].strip()
