"""Pictures and a part of another clip's sound as a new MP4."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from numpy.typing import NDArray

from dashtools.errors import BadInput
from dashtools.files import refusals

_TICKS_MS = 90  # of MPEG's 90 kHz clock
_OPTIONS = {"crf": "20", "preset": "veryfast"}


def write_clip(
    target: Path,
    pictures: Iterable[tuple[int, NDArray[Any]]],
    *,
    sound_of: Path | None = None,
    from_ms: int = 0,
    to_ms: int = 0,
) -> int:
    """How many pictures were written, each (ms, BGR) at its time less `from_ms`; whole or not at all.

    The sound of `sound_of` between the two times goes with them. BadInput when there is no picture.
    """
    partial = target.with_name(f".part.{target.name}")
    count = 0
    try:
        with refusals(target), av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as out:
            video: Any = None
            sound = None if sound_of is None else _Sound.of(out, sound_of)
            for at_ms, picture in pictures:
                if video is None:
                    video = _video_stream(out, picture)
                _put(out, video, picture, at_ms - from_ms)
                count += 1
            if video is None:
                raise BadInput(f"{target.name}: no picture lies in this part of the clip")
            out.mux(video.encode())
            if sound is not None:
                sound.copy(from_ms, to_ms)
        with open(partial, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _video_stream(out: Any, picture: NDArray[Any]) -> Any:
    height, width = picture.shape[:2]
    stream = out.add_stream("libx264", options=_OPTIONS)
    stream.width, stream.height, stream.pix_fmt = width & ~1, height & ~1, "yuv420p"
    stream.time_base = stream.codec_context.time_base = Fraction(1, 1000 * _TICKS_MS)
    return stream


def _put(out: Any, stream: Any, picture: NDArray[Any], at_ms: int) -> None:
    even = picture[: stream.height, : stream.width]
    frame = av.VideoFrame.from_ndarray(even.copy(), format="bgr24")
    frame.pts, frame.time_base = at_ms * _TICKS_MS, stream.time_base
    out.mux(stream.encode(frame))


class _Sound:
    """The sound of a clip on its way into another."""

    def __init__(self, out: Any, source: Path, stream: Any) -> None:
        self._out, self._source, self._stream = out, source, stream

    @staticmethod
    def of(out: Any, source: Path) -> _Sound | None:
        """A stream for it; None when the clip has no sound that can be decoded."""
        with av.open(str(source)) as container:
            found = next(iter(container.streams.audio), None)
            if found is None or not found.codec_context.sample_rate:
                return None
            stream = out.add_stream("aac", rate=found.codec_context.sample_rate)
            stream.layout = found.codec_context.layout.name
        return _Sound(out, source, stream)

    def copy(self, from_ms: int, to_ms: int) -> None:
        """Decodes and encodes what lies between two times of the first picture's clock."""
        for frame in self._frames(from_ms, to_ms):
            self._out.mux(self._stream.encode(frame))
        self._out.mux(self._stream.encode())

    def _frames(self, from_ms: int, to_ms: int) -> Iterator[Any]:
        with av.open(str(self._source)) as container:
            video = next(iter(container.streams.video), None)
            start_s = float((video.start_time or 0) * video.time_base) if video is not None else 0.0
            with contextlib.suppress(av.error.InvalidDataError):  # what decodes until then is kept
                for frame in container.decode(audio=0):
                    at_ms = 1000 * ((frame.time or 0.0) - start_s)
                    if at_ms >= to_ms:
                        return
                    if at_ms >= from_ms:
                        frame.pts = round((at_ms - from_ms) / 1000 / frame.time_base)
                        yield frame
