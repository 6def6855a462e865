"""What a clip's own rows say that retention asks: may it go at all, and would anybody miss it?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import orjson

from dashtools.confusables import fold, normal
from dashtools.geodesy import distance_m
from dashtools.model import Json

_EXEMPT_FLAGS = {"is_event": "an event clip", "is_locked": "locked in the camera"}
STILL_M = 30.0  # a parked receiver wanders so far between its fixes
STILL_MPS = 1.0
SEEN_FIXES = 5


@dataclass(frozen=True)
class Watched:
    """The plates on the watch list, and what people corrected sightings to."""

    plates: Collection[str] = ()
    corrected: Mapping[str, str] | None = None
    """Sighting to the plate that a person says it is."""

    def is_on(self, rows: list[Json]) -> bool:
        """Is one of them, or one that looks like it, among a clip's sightings?"""
        keys = {fold(normal(plate)) for plate in self.plates}
        for row in rows:
            if row.get("table") == "sightings":
                text = (self.corrected or {}).get(str(row.get("sighting_id"))) or row.get("plate") or ""
                if fold(normal(text)) in keys:
                    return True
        return False


def rows_of(content: bytes | None) -> list[Json] | None:
    """The rows in a file of rows; None when they cannot be read."""
    if content is None:
        return None
    try:
        return [orjson.loads(line) for line in content.splitlines()]
    except orjson.JSONDecodeError:
        return None


def exemption(rows: list[Json] | None) -> str | None:
    """Why the camera wants this clip kept; rows that say nothing of it count as a reason."""
    for row in rows or ():
        if row.get("table") == "videos":
            return next((words for flag, words in _EXEMPT_FLAGS.items() if row.get(flag)), None)
    return "its flags are not known"


def is_stationary(rows: list[Json] | None) -> bool:
    """Did the camera certainly stand still all the time: parked by its own word, or by fixes that all lie together?"""
    found = rows or []
    if any(row.get("table") == "videos" and row.get("is_parking") for row in found):
        return True
    fixes = [row for row in found if row.get("table") == "fixes" and row.get("is_valid")]
    places = [(row["latitude"], row["longitude"]) for row in fixes if row.get("latitude") is not None]
    if len(places) < SEEN_FIXES or any((row.get("speed_mps") or 0.0) > STILL_MPS for row in fixes):
        return False
    return all(distance_m(*places[0], *place) <= STILL_M for place in places)
