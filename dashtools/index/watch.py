"""Sightings of plates on the watch list, each under the entry that fits it best and with the reason."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields

from dashtools.confusables import fold
from dashtools.index.near import near
from dashtools.index.plates import allowed_edits
from dashtools.index.queries import CROP_OF_SIGHTING

WAYS = ("exact", "look_alikes", "near")
"""How far a plate may be from an entry, each way with those before it."""
_COLUMNS = f"""s.sighting_id, s.plate, s.confidence, s.seen_at, s.latitude, s.longitude, s.video_id, s.clip,
    {CROP_OF_SIGHTING} AS crop_id,
    (SELECT t.completed_at FROM tasks t WHERE t.video_id = s.video_id AND t.record = s.record) AS stored_at"""


@dataclass(frozen=True)
class Found:
    """A sighting; `stored_at` is when its clip was read, `crop_id` the artifact that shows the plate."""

    sighting_id: str
    plate: str
    confidence: float | None
    seen_at: str | None
    latitude: float | None
    longitude: float | None
    video_id: str
    clip: str | None
    crop_id: str | None
    stored_at: str | None


@dataclass(frozen=True)
class Hit:
    """A sighting that an entry of the list means, and why."""

    sighting: Found
    entry: str
    reason: str


@dataclass(frozen=True, order=True)
class _Fit:
    distance: int
    entry: str
    reason: str


def hits(
    connection: sqlite3.Connection,
    entries: Iterable[str],
    way: str = "look_alikes",
    *,
    but: Collection[str] = (),
    min_confidence: float = 0.0,
) -> Iterator[Hit]:
    """Each sighting once, in the order of the sightings' times, under its nearest entry.

    Plates in `but` (known, ignored) are meant by no entry but one that says exactly the same.
    """
    fits = _fits(connection, sorted(set(entries)), way)
    chosen = {plate: fit for plate, fit in fits.items() if fit.distance == 0 or plate not in but}
    found = (sighting for plate in chosen for sighting in _sightings(connection, plate, min_confidence))
    for sighting in sorted(found, key=lambda s: (s.seen_at or "", s.sighting_id)):
        fit = chosen[sighting.plate]
        yield Hit(sighting, fit.entry, fit.reason)


def _fits(connection: sqlite3.Connection, entries: list[str], way: str) -> Mapping[str, _Fit]:
    """The nearest entry of each plate in the index that any entry means."""
    found: dict[str, _Fit] = {}
    for entry in entries:
        for plate, fit in _plates(connection, entry, way):
            found[plate] = min(fit, found.get(plate, fit))
    return found


def _plates(connection: sqlite3.Connection, entry: str, way: str) -> Iterator[tuple[str, _Fit]]:
    for (plate,) in connection.execute("SELECT plate FROM plates WHERE plate = ?", (entry,)):
        yield plate, _Fit(0, entry, "exactly this")
    if way == "exact":
        return
    key = fold(entry)
    for (plate,) in connection.execute("SELECT plate FROM plates WHERE folded = ? AND plate != ?", (key, entry)):
        swaps = ", ".join(f"{a} for {b}" for a, b in zip(plate, entry) if a != b)
        yield plate, _Fit(1, entry, f"look-alikes: {swaps}")
    most = allowed_edits(len(key))
    if way != "near" or most == 0:
        return
    for number, distance in near(connection, key, most).items():
        words = "1 character off" if distance == 1 else f"{distance} characters off"
        for (plate,) in connection.execute("SELECT plate FROM plates WHERE plate_no = ?", (number,)):
            yield plate, _Fit(1 + distance, entry, words)


def _sightings(connection: sqlite3.Connection, plate: str, min_confidence: float) -> Iterator[Found]:
    sql = f"SELECT {_COLUMNS} FROM sightings s WHERE s.plate = ? AND coalesce(s.confidence, 0) >= ?"
    cursor = connection.execute(sql, (plate, min_confidence))
    names = [field.name for field in fields(Found)]
    for row in cursor:
        yield Found(**dict(zip(names, tuple(row), strict=True)))
