"""Clips decoded in process by PyAV (libav): real times, every frame that can be had, damage counted.

The picture is the displayed one: a container's rotation is applied, so that boxes, crops and copies agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import Flags
from numpy.typing import NDArray

from dashtools.errors import UnreadableClip
from dashtools.ports import ClipFacts, Damage

av.logging.set_level(None)  # libav otherwise writes a line a damaged macroblock to stderr

_MESSAGES_MAX = 5
_PROBE_PACKETS = 300  # ten seconds of video from its start, and as much again from each later look
_PROBE_LOOKS = 16
_TAIL_LOOKS_S = (1, 4, 16)
_LOST_HEAD_MIN_MS = 500
_LUMA_FIRST = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "nv21", "gray"}


@dataclass(frozen=True)
class PyavFrame:
    """One decoded picture; see ports.Frame."""

    index: int
    pts_ms: int
    is_keyframe: bool
    is_corrupt: bool
    picture: Any
    """The av.VideoFrame."""

    def grey(self, step: int = 1) -> NDArray[Any]:
        """The luma plane, every `step`-th pixel both ways; a view of the decoder's memory where possible."""
        frame = self.picture if self.picture.format.name in _LUMA_FIRST else self.picture.reformat(format="gray")
        plane = frame.planes[0]
        rows = np.frombuffer(plane, np.uint8)[: plane.line_size * frame.height].reshape(frame.height, plane.line_size)
        return _upright(rows[::step, : frame.width : step], self.picture)

    def bgr(self) -> NDArray[Any]:
        """The full picture; an own copy."""
        return np.ascontiguousarray(_upright(self.picture.to_ndarray(format="bgr24"), self.picture))


class PyavDecoder:
    """Decodes every frame of a clip in presentation order; see ports.Decoder.

    `threads` 0 lets libav use every core. Once damage shows, decoding goes on with one thread, because
    libav's concealment of lost blocks depends on thread timing and a clip must give the same bytes twice.
    """

    name = "pyav"
    version = av.__version__

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads

    def facts(self, path: Path) -> ClipFacts:
        """What the container says, after its first frame was decoded; UnreadableClip when none can be."""
        with _opened(path) as container:
            stream = _video_stream(container, path)
            first = _first_frame(container, stream, path)
            rotation = int(round(getattr(first, "rotation", 0) or 0)) % 360
            size = (stream.codec_context.width or first.width, stream.codec_context.height or first.height)
            width, height = size[::-1] if rotation in (90, 270) else size
            rate = stream.average_rate or stream.guessed_rate or 0
            return ClipFacts(
                width=width,
                height=height,
                codec=stream.codec_context.name,
                duration_s=_duration_s(container, stream),
                frame_rate=round(float(rate), 4),
                frame_count=stream.frames or None,
                start_pts_ms=_ms(first.pts or 0, stream.time_base),
                has_audio=bool(container.streams.audio),
                creation_time=container.metadata.get("creation_time") or stream.metadata.get("creation_time"),
                rotation_deg=rotation,
                lost_head_ms=_lost_head_ms(first, stream),
            )

    def frames(self, path: Path, damage: Damage | None = None) -> Iterator[PyavFrame]:
        """Every frame that decodes, in presentation order, the same ones on every run.

        UnreadableClip when not one frame comes out.
        """
        damage = damage if damage is not None else Damage()
        clock = _Clock()
        threads = self.threads
        while True:
            seen = _Seen(skip=clock.count)
            before = (damage.corrupt_frames, damage.decode_errors)
            said = len(damage.messages)
            with _opened(path) as container:
                stream = _video_stream(container, path)
                for picture in _pictures(container, stream, threads, seen, damage):
                    if threads != 1 and (damage.corrupt_frames, damage.decode_errors) != before:
                        break
                    yield clock.stamp(picture, stream)
                else:
                    if threads == 1 or (damage.corrupt_frames, damage.decode_errors) == before:
                        break
            threads = 1
            damage.corrupt_frames, damage.decode_errors = before
            del damage.messages[said:]
        damage.lost_frames += max(0, seen.packets - seen.frames)
        if clock.count == 0:
            raise UnreadableClip(path.name, f"not one of its {seen.packets} video packets decodes")

    def probe_tail(self, path: Path) -> bool:
        """Does the last second of the video still decode without complaint? True where nothing can be said."""
        return self.damaged_tail_at(path) is None

    def damaged_tail_at(self, path: Path) -> int | None:
        """The byte of the first packet in the last second that does not decode; None where nothing is wrong."""
        for back_s in _TAIL_LOOKS_S:
            with _opened(path) as container:
                stream = _video_stream(container, path)
                if not stream.duration:
                    return None
                end = (stream.start_time or 0) + stream.duration
                try:
                    container.seek(max(0, end - int(back_s / stream.time_base)), stream=stream, backward=True)
                except av.error.FFmpegError:
                    return 0
                # a transport stream has no index: a seek lands anywhere, its decoding begins at the next keyframe
                seen, damage = _Seen(wants_keyframe="mpegts" in container.format.name), Damage()
                for _ in _pictures(container, stream, 1, seen, damage):
                    pass
            if seen.packets or not seen.wants_keyframe:
                is_whole = not (damage.decode_errors or damage.corrupt_frames) and seen.frames >= seen.packets > 0
                return None if is_whole else seen.bad_at if seen.bad_at is not None else seen.first_at
        return None


@dataclass
class _Seen:
    """Counts of one pass; the first `skip` frames were given out by an earlier pass."""

    skip: int = 0
    packets: int = 0
    frames: int = 0
    first_at: int = 0
    """Byte of the first packet."""
    last_at: int = 0
    bad_at: int | None = None
    """Byte of the first packet with which something was wrong."""
    wants_keyframe: bool = False
    """Packets before the first keyframe are still to be passed over."""


@dataclass
class _Clock:
    """Numbers and times the frames; times never run backwards, whatever the container says."""

    count: int = 0
    first_ms: int | None = None
    last_ms: int = -1

    def stamp(self, picture: Any, stream: Any) -> PyavFrame:
        pts = picture.pts if picture.pts is not None else picture.dts
        step_ms = round(1000 / float(stream.average_rate or 30))
        at_ms = self.last_ms + step_ms if pts is None else _ms(pts, picture.time_base or stream.time_base)
        if self.first_ms is None:
            self.first_ms = 0 if pts is None else at_ms
        shown_ms = at_ms if pts is None else at_ms - self.first_ms
        if shown_ms < self.last_ms:
            shown_ms = self.last_ms + step_ms
        self.last_ms = max(0, shown_ms)
        frame = PyavFrame(self.count, self.last_ms, bool(picture.key_frame), bool(picture.is_corrupt), picture)
        self.count += 1
        return frame


def _opened(path: Path) -> Any:
    """An open container; UnreadableClip says what libav found wrong."""
    if path.is_file() and path.stat().st_size == 0:
        raise UnreadableClip(path.name, "the file is empty (0 bytes)")
    try:
        try:
            return av.open(str(path), metadata_errors="replace", options={"fflags": "+genpts"})
        except TypeError:  # PyAV 19 decodes metadata leniently by itself and has no such option
            return av.open(str(path), options={"fflags": "+genpts"})
    except av.error.FileNotFoundError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        raise UnreadableClip(path.name, f"no container that libav can open ({_reason(error)})") from error


def _video_stream(container: Any, path: Path) -> Any:
    """The first moving picture of a container; cover pictures do not count."""
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        raise UnreadableClip(path.name, "it holds no video stream")
    if streams[0].codec_context is None:
        raise UnreadableClip(path.name, "its video is in a format that no decoder here knows")
    return streams[0]


def _is_cover(stream: Any) -> bool:
    try:
        return bool(stream.disposition & type(stream.disposition).attached_pic)
    except AttributeError:
        return False


def _first_frame(container: Any, stream: Any, path: Path) -> Any:
    """The first picture that decodes: near the start, else after one of a few places further on."""
    damage, packets = Damage(), 0
    for look in range(_PROBE_LOOKS):
        seen = _Seen()
        if look and not _went_to(container, stream, look / _PROBE_LOOKS):
            break
        for picture in _pictures(container, stream, 1, seen, damage, packets_max=_PROBE_PACKETS):
            if stream.frames == 1 and "image" in (container.format.name + container.format.long_name).lower():
                raise UnreadableClip(path.name, f"it is a still picture ({stream.codec_context.name}), not a video")
            return picture
        packets += seen.packets
        if look == 0 and seen.packets < _PROBE_PACKETS:
            break
    if packets == 0:
        raise UnreadableClip(path.name, "its index names no video packet inside the file")
    reason = damage.messages[0] if damage.messages else "no error given"
    kind = container.format.name
    raise UnreadableClip(path.name, f"taken as {kind}, none of {packets} video packets tried decodes ({reason})")


def _went_to(container: Any, stream: Any, share: float) -> bool:
    """Jumps to a share of the clip's duration; False where that cannot be done."""
    if not stream.duration:
        return False
    try:
        container.seek((stream.start_time or 0) + int(stream.duration * share), stream=stream, backward=True)
        stream.codec_context.flush_buffers()
    except av.error.FFmpegError:
        return False
    return True


def _pictures(
    container: Any, stream: Any, threads: int, seen: _Seen, damage: Damage, *, packets_max: int | None = None
) -> Iterator[Any]:
    """Decoded pictures after the first `seen.skip`; errors of packets and frames go into `damage`."""
    context = stream.codec_context
    if not context.is_open:
        context.thread_count = threads
        context.thread_type = "AUTO"
        context.flags |= Flags.output_corrupt
    for packet in _packets(container, stream, damage):
        if packet is not None:
            if seen.wants_keyframe and not packet.is_keyframe:
                continue
            seen.wants_keyframe = False
            seen.last_at = packet.pos if packet.pos is not None else seen.last_at
            seen.first_at = seen.first_at if seen.packets else seen.last_at
            seen.packets += 1
        try:
            pictures = context.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            _note(damage, seen, error)
            pictures = []
        for picture in pictures:
            seen.frames += 1
            if picture.is_corrupt and seen.bad_at is None:
                seen.bad_at = seen.last_at
            if seen.frames > seen.skip:
                damage.corrupt_frames += bool(picture.is_corrupt)
                yield picture
        if packets_max is not None and seen.packets >= packets_max:
            return


def _packets(container: Any, stream: Any, damage: Damage) -> Iterator[Any]:
    """The stream's packets, then None to flush; an unreadable rest ends them."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except av.error.FFmpegError as error:
        damage.decode_errors += 1
        _say(damage, f"the container ends early: {_reason(error)}")
    except IndexError:  # PyAV, when a packet belongs to a stream that appears only here
        damage.decode_errors += 1
        _say(damage, "the container ends early: a stream appears that was not announced")
    yield None


def _note(damage: Damage, seen: _Seen, error: Exception) -> None:
    damage.decode_errors += 1
    seen.bad_at = seen.last_at if seen.bad_at is None else seen.bad_at
    _say(damage, f"video packet {seen.packets - 1} at byte {seen.last_at}: {_reason(error)}")


def _say(damage: Damage, message: str) -> None:
    if len(damage.messages) < _MESSAGES_MAX:
        damage.messages.append(message)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _duration_s(container: Any, stream: Any) -> float:
    if stream.duration:
        return round(float(stream.duration * stream.time_base), 3)
    return round(container.duration / av.time_base, 3) if container.duration else 0.0


def _lost_head_ms(first: Any, stream: Any) -> int:
    """How long the clip ran before its first picture that decodes; 0 for the usual reordering delay."""
    if first.pts is None or stream.start_time is None:
        return 0
    lost_ms = _ms(first.pts - stream.start_time, stream.time_base)
    return lost_ms if lost_ms > _LOST_HEAD_MIN_MS else 0


def _ms(pts: int, time_base: Any) -> int:
    return round(pts * time_base * 1000)


def _upright(pixels: NDArray[Any], picture: Any) -> NDArray[Any]:
    """Pixels turned as the container asks: its rotation is counter-clockwise, as is numpy's."""
    turns = int(round((getattr(picture, "rotation", 0) or 0) / 90)) % 4
    return np.rot90(pixels, turns) if turns else pixels
