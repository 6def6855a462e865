"""Documents and rows without plates that are to be forgotten: pure functions, and doing it twice is doing it once."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from dashtools.confusables import fold, normal
from dashtools.model import Json

MARK = "#"
"""How a keyed hash begins: no plate does."""
_TABLES = ("tracks", "sightings", "reads", "crops")


def token(key: bytes, plate: str) -> str:
    """A plate's keyed hash: the same for the same plate and key, and nobody without the key can tell which plate.

    >>> token(b"k", "AB12CDE") == token(b"k", "ab12 cde") != token(b"k", "AB12CDF")
    True
    """
    digest = hmac.new(key, normal(plate).encode(), hashlib.sha256).digest()
    return MARK + base64.b32encode(digest[:10]).decode().lower()


@dataclass(frozen=True)
class Forgetting:
    """What is forgotten, and what stands for it: `key` makes a keyed hash, without one nothing does."""

    listed: Collection[str]
    """Plates that stay, and with them those that look like one of them."""
    key: bytes | None = None
    _folded: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_folded", frozenset(fold(normal(plate)) for plate in self.listed))

    def stays(self, plate: str | None) -> bool:
        """Is there nothing to forget: no text, one that was forgotten already, or one on a list?"""
        return not plate or plate.startswith(MARK) or fold(normal(plate)) in self._folded

    def instead_of(self, plate: str) -> str | None:
        """What stands for a plate that is forgotten."""
        return None if self.key is None else token(self.key, plate)


@dataclass(frozen=True)
class Fate:
    """What becomes of the tracks of one clip: track or sighting id to what stands for its plate (None: nothing)."""

    tokens: Mapping[str, str | None]
    is_deleted: bool
    """Do the rows and entries go too?"""

    @property
    def count(self) -> int:
        return len(self.tokens)


def fate_of(rows: Iterable[Json], corrected: Mapping[str, str], rule: Forgetting) -> Fate:
    """What the rows of a HEAVY record hold that is to be forgotten. A person's correction tells what the plate is."""
    tokens: dict[str, str | None] = {}
    for row in rows:
        if row.get("table") not in ("tracks", "sightings"):
            continue
        track_id = row.get("track_id") or row.get("sighting_id")
        text = row.get("plate") or row.get("text")
        if not isinstance(track_id, str) or not isinstance(text, str) or rule.stays(corrected.get(track_id, text)):
            continue
        is_sighting = row.get("table") == "sightings" or row.get("sighting_id")
        tokens[track_id] = rule.instead_of(text) if is_sighting else None
    return Fate(tokens, rule.key is None)


def redacted_rows(rows: Iterable[Json], fate: Fate) -> list[Json]:
    """The rows without those plates; crops of them are not named any more."""
    found = []
    for row in rows:
        track_id = row.get("track_id") or row.get("sighting_id")
        if row.get("table") not in _TABLES or track_id not in fate.tokens:
            found.append(row)
        elif not fate.is_deleted and row["table"] != "crops":
            found.append({**row, **_instead(row, fate.tokens[track_id])})
    return found


def _instead(row: Json, stands: str | None) -> Json:
    if row["table"] == "sightings":
        return {"plate": stands, "why": "[]"}
    return {"text": stands if row["table"] == "tracks" else None}


def redacted_detections(document: Json, fate: Fate) -> Json:
    """detections.json without those plates; boxes and places of hashed ones stay."""
    tracks = [track for track in document["tracks"] if not fate.is_deleted or track["track_id"] not in fate.tokens]
    return {**document, "tracks": [_redacted_track(track, fate) for track in tracks]}


def _redacted_track(track: Json, fate: Fate) -> Json:
    if track["track_id"] not in fate.tokens:
        return track
    reads = [{**read, "text": None, "character_confidences": []} for read in track["reads"]]
    best = {**track.get("best", {}), "crop": None, "frame": None}
    return {**track, "plate": fate.tokens[track["track_id"]], "votes": [], "reads": reads, "best": best}


def redacted_summary(document: Json, rule: Forgetting, digests: Mapping[str, str]) -> Json:
    """summary.json without those plates, its digests those of the documents as they are now."""
    plates = []
    for entry in document["plates"]:
        stands = entry["plate"] if rule.stays(entry["plate"]) else rule.instead_of(entry["plate"])
        if stands is not None:
            plates.append({**entry, "plate": stands})
    known = {name: digests.get(name, digest) for name, digest in document["digests"].items()}
    return {**document, "plates": plates, "digests": known}


def redacted_manifest(document: Json, present: Mapping[str, tuple[str, int]], detections: str | None) -> Json:
    """manifest.json naming the files that are there (path to digest and size) and HEAVY's document as it is now."""
    files = [
        {**entry, "sha256": present[entry["path"]][0], "size_bytes": present[entry["path"]][1]}
        for entry in document["files"]
        if entry["path"] in present
    ]
    chain = {**document["chain"], **({"detections": detections} if detections else {})}
    return {**document, "files": files, "chain": chain}
