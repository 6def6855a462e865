"""Plates in footage made worse in known ways, ours beside the plain pipeline: the curves of docs/accuracy.md.

    python tests/benchmarks/degraded.py --truth DIR [--truth DIR]... [--kind NAME]... [--synth CLIPS]

Clips and stills of each DIR are written anew: smaller, blurred, harder compressed, darker, shifted over the frame's
edge. `--synth` adds made-up drives of 10 frames a second. Half a second of CPU a picture: run it with `nice`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import orjson

from dashtools.backends.decode import PyavDecoder
from dashtools.backends.synth import Plan, make_drive
from dashtools.bench.plates import Report, measure
from dashtools.bench.plates_truth import Clip, Plate, Truth, read_truth
from dashtools.config import DEFAULT_PROCESSING
from dashtools.devices.tools import build_tools
from dashtools.geometry import Box, clip_box, scale_box

CRF_CLEAN = 15
BLUR_PX = 9  # of a 1280 px wide picture: 1/60 s of a plate that crosses it in 2.5 s
EDGE_EVERY = 3
EDGE_SHARE = 0.25  # of the plate is beyond the edge
Degraded = tuple[np.ndarray, tuple[Plate, ...]]


def scaled(share: float) -> Callable[[np.ndarray, tuple[Plate, ...], int], Degraded]:
    """A camera of fewer pixels."""

    def change(picture: np.ndarray, plates: tuple[Plate, ...], index: int) -> Degraded:
        size = (round(picture.shape[1] * share / 2) * 2, round(picture.shape[0] * share / 2) * 2)
        sx, sy = size[0] / picture.shape[1], size[1] / picture.shape[0]
        moved = tuple(Plate(scale_box(p.box, sx, sy), p.text, p.is_legible) for p in plates)
        return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), moved

    return change


def blurred(picture: np.ndarray, plates: tuple[Plate, ...], index: int) -> Degraded:
    """A camera that turns while the shutter is open."""
    long = max(3, round(BLUR_PX * picture.shape[1] / 1280)) | 1
    return cv2.filter2D(picture, -1, np.full((1, long), 1 / long, np.float32)), plates


def dimmed(picture: np.ndarray, plates: tuple[Plate, ...], index: int) -> Degraded:
    """Half of the light's signal."""
    return (picture // 2).astype(np.uint8), plates


def shifted(picture: np.ndarray, plates: tuple[Plate, ...], index: int) -> Degraded:
    """In every third frame the plate furthest to the right slides over the edge; what is cut counts as illegible."""
    if index % EDGE_EVERY != EDGE_EVERY - 1 or not plates:
        return picture, plates
    height, width = picture.shape[:2]
    last = max(plates, key=lambda p: p.box.x2).box
    by = max(0, round(width - last.x2 + EDGE_SHARE * last.width))
    moved = np.concatenate([np.repeat(picture[:, :1], by, axis=1), picture[:, : width - by]], axis=1)
    return moved, tuple(_moved(p, by, width, height) for p in plates)


def _moved(plate: Plate, by: int, width: int, height: int) -> Plate:
    box = Box(plate.box.x1 + by, plate.box.y1, plate.box.x2 + by, plate.box.y2)
    inside = clip_box(box, width, height)
    is_whole = inside == box
    return Plate(inside, plate.text if is_whole else None, plate.is_legible and is_whole)


def unchanged(picture: np.ndarray, plates: tuple[Plate, ...], index: int) -> Degraded:
    """As it was filmed."""
    return picture, plates


KINDS: dict[str, tuple[Callable[..., Degraded], int]] = {
    "as filmed": (unchanged, CRF_CLEAN),
    "scale .6": (scaled(0.6), CRF_CLEAN),
    "scale .45": (scaled(0.45), CRF_CLEAN),
    "motion blur": (blurred, CRF_CLEAN),
    "H.264 CRF 32": (unchanged, 32),
    "H.264 CRF 38": (unchanged, 38),
    "half exposure": (dimmed, CRF_CLEAN),
    "cut at the edge": (shifted, CRF_CLEAN),
}


def degrade(source: Path, target: Path, kind: str, part: str) -> Truth:
    """A folder like another one, its clips and stills made worse; its truth."""
    change, crf = KINDS[kind]
    truth = read_truth(source, part)
    target.mkdir()
    for clip in truth.clips:
        _write_clip(clip, target, change, crf)
    listed = {}
    for still in truth.stills:
        picture, plates = change(cv2.imread(str(still.path)), still.plates, EDGE_EVERY - 1)
        if crf != CRF_CLEAN:
            picture = next(_pictures(_encoded([picture], target / "one.mp4", crf, Fraction(1))))
        cv2.imwrite(str(target / f"{still.path.stem}.png"), picture)
        listed[f"{still.path.stem}.png"] = {"objects": _objects(plates)}
    if listed:
        (target / "truth.json").write_bytes(orjson.dumps(listed))
    return read_truth(target)


def _write_clip(clip: Clip, target: Path, change: Callable[..., Degraded], crf: int) -> None:
    frames: list[dict[str, Any]] = []

    def worse() -> Iterator[np.ndarray]:
        for index, picture in enumerate(_pictures(clip.path)):
            plates = clip.frames[index] if index < len(clip.frames) else ()
            picture, plates = change(picture, plates, index)
            frames.append({"repeat": index in clip.repeats, "objects": _objects(plates)})
            yield picture

    facts = PyavDecoder().facts(clip.path)
    _encoded(worse(), target / clip.path.name, crf, Fraction(round(facts.frame_rate * 1000), 1000))
    content = {"clip": clip.path.name, "plates": clip.texts, "unboxed_plates": clip.unboxed, "frames": frames}
    (target / f"{clip.path.stem}.json").write_bytes(orjson.dumps(content))


def _objects(plates: tuple[Plate, ...]) -> list[dict[str, Any]]:
    return [{"box": [p.box.x1, p.box.y1, p.box.x2, p.box.y2], "text": p.text, "legible": p.is_legible} for p in plates]


def _pictures(path: Path) -> Iterator[np.ndarray]:
    for frame in PyavDecoder().frames(path):
        yield frame.bgr()


def _encoded(pictures: Any, path: Path, crf: int, rate: Fraction) -> Path:
    with av.open(str(path), "w") as container:
        stream = None
        for index, picture in enumerate(pictures):
            picture = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
            if stream is None:
                stream = container.add_stream("libx264", rate=rate)
                stream.height, stream.width, stream.pix_fmt = picture.shape[0], picture.shape[1], "yuv420p"
                stream.options = {"preset": "fast", "crf": str(crf)}
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode())
    return path


def row(kind: str, report: Report) -> dict[str, Any]:
    """One line of the curve."""
    pictures, clips = report.pictures.shares(), report.clips.shares()
    names = ("recall_legible", "exact_of_legible", "merged_of_legible", "shown_false")
    found = {name: pictures[name].text() for name in names}
    if report.clips.clips:
        found |= {name: clips[name].text() for name in ("plates_exact", "vote_exact", "best_read_exact")}
        found |= {"false_sightings": report.clips.false, "duplicates": report.clips.duplicates}
    return {"kind": kind, "folder": report.folder, "pipeline": report.pipeline, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", action="append", type=Path, default=[], metavar="DIR")
    parser.add_argument("--part", choices=["all", "even", "odd"], default="all")
    parser.add_argument("--kind", action="append", choices=KINDS, default=[])
    parser.add_argument("--synth", type=int, default=0, metavar="CLIPS")
    parser.add_argument("--sample-fps", type=float, default=DEFAULT_PROCESSING["sample_fps"])
    parser.add_argument("--no-plain", action="store_true")
    given = parser.parse_args()
    settings = {**DEFAULT_PROCESSING, "sample_fps": given.sample_fps}
    tools = build_tools(settings)
    with tempfile.TemporaryDirectory(prefix="degraded-") as scratch:
        folders = list(given.truth)
        if given.synth:
            make_drive(Path(scratch) / "synth", Plan(clips=given.synth, seed=5))
            folders.append(Path(scratch) / "synth")
        for number, kind in enumerate(given.kind or KINDS):
            for folder in folders:
                truth = degrade(folder, Path(scratch) / f"{number}-{folder.name}", kind, given.part)
                said = measure(truth, tools, settings, plain=not given.no_plain, say=lambda text: None)
                for report in said:
                    print(json.dumps(row(kind, report)), flush=True)


if __name__ == "__main__":
    main()
