"""A part of a clip around a sighting: from which file, which span, and what is hidden in it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from dashtools.config import Config
from dashtools.devices import storages
from dashtools.errors import BadInput, InputMissing, TryLater
from dashtools.files import refusals
from dashtools.geometry import Box, scale_box
from dashtools.index import queries
from dashtools.model import FileRef, Json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashtools.ports import Detector
    from dashtools.stages.veil import Sighted, Veil


@dataclass(frozen=True)
class Wish:
    """What is asked for; `source` is original, archive, or None for whichever is there."""

    sighting_id: str
    pad_s: float = 5.0
    source: str | None = None
    is_exact: bool = False
    has_sound: bool = True


@dataclass(frozen=True)
class Part:
    """A span of a file that shows the sighting."""

    video_id: str
    track_id: str
    path: Path
    source: str
    start_ms: int
    end_ms: int
    height: int | None
    """Of the original, to whose pixels the stored boxes belong."""


def part_of(config: Config, connection: sqlite3.Connection, wish: Wish) -> Part:
    """Where to cut; BadInput when there is no such sighting, InputMissing when no file of its clip is left."""
    sql = """SELECT s.video_id, s.first_pts_ms, s.last_pts_ms, v.storage, v.path, v.height FROM sightings s
        JOIN videos v ON v.video_id = s.video_id WHERE s.sighting_id = ? LIMIT 1"""
    row = connection.execute(sql, (wish.sighting_id,)).fetchone()
    if row is None:
        raise BadInput(f"no sighting is named {wish.sighting_id!r}; dc-export sightings lists them")
    video_id, first_ms, last_ms, storage, path, height = row
    refs = {"original": FileRef(storage, path, "video")}
    for media in queries.artifacts(connection, video_id, "video_lowres"):
        refs["archive"] = FileRef(media.storage, media.path, media.type)
    source, found = _file(config, refs, wish.source)
    pad_ms = round(1000 * wish.pad_s)
    start_ms, end_ms = max(0, first_ms - pad_ms), last_ms + pad_ms
    return Part(video_id, wish.sighting_id, found, source, start_ms, end_ms, height)


def _file(config: Config, refs: dict[str, FileRef], wanted: str | None) -> tuple[str, Path]:
    reasons = []
    for source in (wanted,) if wanted else ("original", "archive"):
        try:
            if source in refs:
                return source, storages.resolve(config, refs[source])
            reasons.append(f"no {source} copy is known")
        except (InputMissing, TryLater) as error:
            reasons.append(f"{source}: {error}")
    raise InputMissing("; ".join(reasons))


def cut(part: Part, target: Path, *, is_exact: bool, has_sound: bool) -> None:
    """The part as a file: its own bytes from a keyframe on, or encoded anew from the very moment on."""
    from dashtools.backends.ffmpeg import FfmpegEncoder, copy_segment, encode_segment

    step = encode_segment if is_exact else copy_segment
    span = {"start_s": part.start_ms / 1000, "end_s": part.end_ms / 1000}
    step(FfmpegEncoder().program, part.path, target, **span, has_sound=has_sound)


def cut_veiled(
    part: Part,
    target: Path,
    veil: Veil,
    *,
    detector: Detector | None,
    min_score: float,
    has_sound: bool,
    progress: Callable[[float], None],
) -> int:
    """The part encoded anew with every plate hidden but the sighting's; how many pictures it has."""
    from dashtools.backends.clip_writer import write_clip
    from dashtools.backends.decode import PyavDecoder

    def pictures() -> Iterator[tuple[int, NDArray[Any]]]:
        for frame in PyavDecoder().frames(part.path):
            if frame.pts_ms > part.end_ms:
                return
            if frame.pts_ms < part.start_ms:
                continue
            picture = frame.bgr()
            found = detector.detect(picture, min_score) if detector is not None else []
            yield frame.pts_ms, veil.drawn(picture, frame.pts_ms, [Box(d.x1, d.y1, d.x2, d.y2) for d in found])
            progress((frame.pts_ms - part.start_ms) / max(1, part.end_ms - part.start_ms))

    sound = part.path if has_sound else None
    return write_clip(target, pictures(), sound_of=sound, from_ms=part.start_ms, to_ms=part.end_ms)


def veil_for(config: Config, connection: sqlite3.Connection, part: Part) -> Veil:
    """What to hide in the part's pictures: every other track that was found in the clip, refused ones too."""
    from dashtools.backends.decode import PyavDecoder
    from dashtools.stages.veil import Veil

    scale = PyavDecoder().facts(part.path).height / part.height if part.height else 1.0
    document = _detections(config, connection, part.video_id)
    tracks = {track["track_id"]: _boxes(track, scale) for track in document["tracks"]}
    if part.track_id not in tracks:
        raise BadInput(f"detections.json of {part.video_id} does not hold {part.track_id}; was the clip read anew?")
    return Veil(tracks, part.track_id)


def _detections(config: Config, connection: sqlite3.Connection, video_id: str) -> Json:
    """The stored boxes of a clip, of whichever copy is there."""
    reasons = []
    for media in reversed(queries.artifacts(connection, video_id, "detections")):
        try:
            path = storages.resolve(config, FileRef(media.storage, media.path, media.type))
            content: Json = orjson.loads(path.read_bytes())
            return content
        except (InputMissing, TryLater) as error:
            reasons.append(str(error))
    raise InputMissing(f"nothing tells where plates are in {video_id}: {'; '.join(reasons) or 'no detections.json'}")


def _boxes(track: Json, scale: float) -> list[Sighted]:
    from dashtools.stages.veil import Sighted

    found = [Sighted(read["pts_ms"], scale_box(Box(*read["box"]), scale, scale)) for read in track["reads"]]
    return sorted(found, key=lambda seen: seen.pts_ms)


def write_track(connection: sqlite3.Connection, part: Part, target: Path) -> int:
    """A GPX of the part's fixes; how many, and no file when there is none."""
    from dashtools.commands._formats import as_gpx
    from dashtools.index.exports import COLUMNS, Selection, rows

    found = rows(connection, "fixes", Selection(video_id=part.video_id))
    inside = [row for row in found if part.start_ms <= row["t_ms"] <= part.end_ms]
    count = sum(bool(row["is_valid"]) for row in inside)
    if count:
        with refusals(target):
            partial = target.with_name(f".part.{target.name}")
            partial.write_text("".join(as_gpx(COLUMNS["fixes"], inside)))
            os.replace(partial, target)
    return count
