"""Pictures and clips whose plates are known: folders of three kinds, told apart by what lies in them.

* a `.json` with "clip" and "frames" beside a clip: boxes and texts frame by frame (plate tracks, dc-synth);
* a `.json` that names pictures, each with "objects": stills with boxes and texts;
* a `.txt` a picture, `file x y width height TEXT` between tabs: the openalpr benchmark's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from dashtools.errors import BadInput, InputMissing
from dashtools.geometry import Box


@dataclass(frozen=True)
class Plate:
    """A plate in a picture; `text` is None where nobody could read it."""

    box: Box
    text: str | None
    is_legible: bool


@dataclass(frozen=True)
class Still:
    """A picture and its plates."""

    path: Path
    plates: tuple[Plate, ...]


@dataclass(frozen=True)
class Clip:
    """A clip, the plates to be found in it, those legible but without a box, and the plates of each frame.

    `repeats` are frames that show the one before again: they are looked at and not counted.
    """

    path: Path
    texts: tuple[str, ...]
    unboxed: tuple[str, ...]
    frames: tuple[tuple[Plate, ...], ...]
    repeats: frozenset[int]


@dataclass(frozen=True)
class Truth:
    """What a folder holds, by name."""

    name: str
    stills: tuple[Still, ...]
    clips: tuple[Clip, ...]


def read_truth(folder: Path, part: str = "all") -> Truth:
    """The truth of a folder; `part` "even" or "odd" takes every second picture or clip by name, for a held-out half."""
    if not folder.is_dir():
        raise InputMissing(f"{folder}: no such folder")
    stills: list[Still] = []
    clips: list[Clip] = []
    for path in sorted(folder.glob("*.json")):
        content = orjson.loads(path.read_bytes())
        if "frames" in content:
            clips.append(_clip(path, content))
        else:
            stills += [_still(folder / name, entry["objects"]) for name, entry in sorted(content.items())]
    stills += [_openalpr(path) for path in sorted(folder.glob("*.txt"))]
    if not stills and not clips:
        raise BadInput(f"{folder} holds no truth: no clip's .json, no pictures' .json, no openalpr .txt")
    return Truth(folder.name, tuple(_chosen(stills, part)), tuple(_chosen(clips, part)))


def _chosen(items: Sequence[Any], part: str) -> Sequence[Any]:
    return {"all": items, "even": items[::2], "odd": items[1::2]}[part]


def _clip(path: Path, content: dict[str, Any]) -> Clip:
    frames = tuple(_plates(frame["objects"]) for frame in content["frames"])
    repeats = frozenset(i for i, frame in enumerate(content["frames"]) if frame.get("repeat"))
    unboxed = tuple(content.get("unboxed_plates") or ())
    return Clip(path.with_name(content["clip"]), tuple(content["plates"]), unboxed, frames, repeats)


def _still(path: Path, objects: Sequence[dict[str, Any]]) -> Still:
    return Still(path, _plates(objects))


def _plates(objects: Sequence[dict[str, Any]]) -> tuple[Plate, ...]:
    return tuple(Plate(Box(*o["box"]), o.get("text"), bool(o.get("legible") and o.get("text"))) for o in objects)


def _openalpr(path: Path) -> Still:
    plates, name = [], path.with_suffix(".jpg").name
    for line in path.read_text().splitlines():
        words = line.split()
        if len(words) < 6:
            continue
        name = words[0]
        x, y, width, height = (float(word) for word in words[1:5])
        plates.append(Plate(Box(x, y, x + width, y + height), words[5], True))
    return Still(path.with_name(name), tuple(plates))
