"""Our own pipeline over pictures and clips of known plates: the same code that works on the queue."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import orjson
from numpy.typing import NDArray

from dashtools.bench.plates_score import Answer, Found
from dashtools.files import sha256_of
from dashtools.geometry import Box
from dashtools.model import Json, Task, Track
from dashtools.ports import Decoder, Detector, PlateReader, StageContext
from dashtools.stages.heavy import HeavyStage
from dashtools.stages.pictures import read_picture
from dashtools.stages.preproc import PreprocStage


class Tools(Protocol):
    """What the stages need (devices.tools has it)."""

    @property
    def decoder(self) -> Decoder: ...

    @property
    def detector(self) -> Detector: ...

    @property
    def proposer(self) -> Detector: ...

    @property
    def reader(self) -> PlateReader: ...


@dataclass
class Seconds:
    """CPU seconds by what they went into, and how often."""

    spent: dict[str, float] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)

    def timed(self, what: str, since: float, times: int = 1) -> None:
        """Adds the CPU time of this process since `since`."""
        self.spent[what] = self.spent.get(what, 0.0) + time.process_time() - since
        self.times[what] = self.times.get(what, 0) + times

    def per(self) -> dict[str, float]:
        """Seconds each time."""
        return {what: round(spent / max(1, self.times[what]), 4) for what, spent in sorted(self.spent.items())}


@dataclass(frozen=True)
class ClipWork:
    """What preproc and heavy made of a clip: sightings, all tracks, and the frames that heavy was given."""

    sightings: tuple[Answer, ...]
    tracks: tuple[Answer, ...]
    kept_frames: frozenset[int]
    kept_ms: Mapping[int, int]
    seconds: Json


def our_reads(tools: Tools, picture: NDArray[Any], settings: Mapping[str, Any]) -> list[Found]:
    """The plates of one picture, as dc-detect tells them."""
    return [
        Found(Box(*e["box"]), e["text"], e["confidence"], e["refused"] is None)
        for e in read_picture(tools.detector, tools.reader, picture, settings)
    ]


def our_clip(tools: Tools, path: Path, settings: Mapping[str, Any]) -> ClipWork:
    """A clip through PREPROCESS and HEAVY in a folder of its own, which is removed."""
    facts = tools.decoder.facts(path)
    with tempfile.TemporaryDirectory(prefix="dc-bench-") as scratch:
        folder = Path(scratch)
        ingest = {"sha256": sha256_of(path), "container": {"duration_s": facts.duration_s}}
        (folder / "ingest.json").write_bytes(orjson.dumps(ingest))
        (folder / "track.json").write_bytes(orjson.dumps(Track("none").to_json()))
        paths = {"video": [path], "ingest": [folder / "ingest.json"], "track": [folder / "track.json"]}
        preproc = _stage(PreprocStage(tools.decoder, tools.proposer), folder / "preproc", paths, settings)
        paths["preproc"] = [folder / "preproc" / "preproc.json"]
        heavy = _stage(HeavyStage(tools.decoder, tools.detector, tools.reader), folder / "heavy", paths, settings)
        kept = orjson.loads(paths["preproc"][0].read_bytes())["kept"]
        tracks = orjson.loads((folder / "heavy" / "detections.json").read_bytes())["tracks"]
    times = {entry["frame_index"]: entry["pts_ms"] for entry in kept}
    return ClipWork(
        tuple(_answer(t) for t in tracks if t["status"] == "sighting"),
        tuple(_answer(t) for t in tracks),
        frozenset(times),
        times,
        {"preproc": preproc, "heavy": heavy},
    )


def frames_of(tools: Tools, path: Path, wanted: frozenset[int] | None = None) -> Iterator[tuple[int, NDArray[Any]]]:
    """The pictures of a clip, or those wanted."""
    for frame in tools.decoder.frames(path):
        if wanted is None or frame.index in wanted:
            yield frame.index, frame.bgr()


def _stage(stage: Any, out: Path, paths: Mapping[str, list[Path]], settings: Mapping[str, Any]) -> Json:
    out.mkdir()
    task = Task("bench", stage.task_type, "bench", metadata={"clip": paths["video"][0].name})
    result = stage(StageContext(task, paths, out, settings, lambda share, what: None))
    seconds: Json = result.metadata["seconds"]
    return seconds


def _answer(track: Json) -> Answer:
    reads = tuple(
        (r["frame_index"], Found(Box(*r["box"]), r["text"] or "", r["confidence"] or 0.0)) for r in track["reads"]
    )
    return Answer(track["plate"], reads)
