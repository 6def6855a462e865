"""Plates that a person may mean: exact, look-alikes, wildcards, parts, and a few edits away, each with its reason."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

from dashtools.index.near import near
from dashtools.index.plates import allowed_edits, fold, normal
from dashtools.index.queries import CROP_OF_SIGHTING, select
from dashtools.index.views import PlateMatch

LIMIT = 100
NEWEST = 200_000  # how many plates are looked through for what no index can find: one or two characters
MATCH = f"""SELECT p.plate, p.sightings, p.videos, p.first_seen, p.last_seen, (SELECT {CROP_OF_SIGHTING}
    FROM sightings s WHERE s.sighting_id = p.best_sighting_id) AS crop_id FROM plates p WHERE p.plate_no = ?"""
LAST_FIRST = "ORDER BY last_seen DESC, plate LIMIT ?"
HOLDING = "SELECT plate_no FROM plates WHERE plate_no IN (SELECT rowid FROM plates_trigram WHERE {})"
AMONG_NEWEST = f"SELECT plate_no FROM (SELECT plate_no, plate FROM plates {LAST_FIRST}) WHERE {{}} LIMIT ?"
"""The plates of the newest that hold something, the last seen first; it ends as soon as there are enough."""


def search(connection: sqlite3.Connection, query: str, limit: int = LIMIT) -> list[PlateMatch]:
    """The best matches first; an empty query gives the plates seen last."""
    text = query.upper()
    if "*" in text or "?" in text:
        return _wildcard(connection, re.sub(r"[^A-Z0-9*?]", "", text), limit)
    wanted = normal(text)
    if not wanted:
        newest = _matches(connection, f"SELECT plate_no FROM plates {LAST_FIRST}", limit)
        return [replace(match, reason="seen last") for match in newest]
    found: dict[str, PlateMatch] = {}
    for step in (_exact, _look_alikes, _parts, _near):
        for match in step(connection, wanted, limit):
            found.setdefault(match.plate, match)
    return sorted(found.values(), key=lambda m: (-m.score, m.plate))[:limit]


def _matches(connection: sqlite3.Connection, sql: str, *values: object) -> list[PlateMatch]:
    """The plates whose numbers a query gives; their pictures are looked up for these alone."""
    numbers = [row[0] for row in connection.execute(sql, values)]
    return [match for number in numbers for match in select(connection, PlateMatch, MATCH, (number,))]


def _wildcard(connection: sqlite3.Connection, pattern: str, limit: int) -> list[PlateMatch]:
    if max(map(len, re.split(r"[*?]", pattern))) >= 3:
        matches = _matches(connection, f"{HOLDING.format('plate GLOB ?')} {LAST_FIRST}", pattern, limit)
    else:
        matches = _matches(connection, AMONG_NEWEST.format("plate GLOB ?"), NEWEST, pattern, limit)
    return [replace(match, reason=f"fits {pattern}") for match in matches]


def _exact(connection: sqlite3.Connection, wanted: str, limit: int) -> Iterator[PlateMatch]:
    for match in _matches(connection, "SELECT plate_no FROM plates WHERE plate = ?", wanted):
        yield replace(match, reason="exactly this")


def _look_alikes(connection: sqlite3.Connection, wanted: str, limit: int) -> Iterator[PlateMatch]:
    for match in _matches(
        connection, f"SELECT plate_no FROM plates WHERE folded = ? {LAST_FIRST}", fold(wanted), limit
    ):
        yield replace(match, reason=f"look-alikes: {_swaps(wanted, match.plate)}", score=0.97)


def _swaps(wanted: str, plate: str) -> str:
    return ", ".join(f"{a} for {b}" for a, b in zip(plate, wanted) if a != b)


def _parts(connection: sqlite3.Connection, wanted: str, limit: int) -> Iterator[PlateMatch]:
    """Plates that hold the text; trigrams need three characters."""
    if len(wanted) >= 3:
        sql = f"{HOLDING.format('plates_trigram MATCH ?')} {LAST_FIRST}"
        matches = _matches(connection, sql, f'"{wanted}" OR "{fold(wanted)}"', limit)
    else:
        matches = _matches(connection, AMONG_NEWEST.format("instr(plate, ?)"), NEWEST, wanted, limit)
    for match in matches:
        share = len(wanted) / max(1, len(match.plate))
        if wanted in match.plate:
            yield replace(match, reason=f"contains {wanted}", score=0.6 + 0.3 * share)
        else:
            yield replace(match, reason=f"contains a look-alike of {wanted}", score=0.5 + 0.3 * share)


def _near(connection: sqlite3.Connection, wanted: str, limit: int) -> Iterator[PlateMatch]:
    """Plates a few edits away."""
    key, most = fold(wanted), allowed_edits(len(wanted))
    if most == 0:
        return
    found = near(connection, key, most)
    for number, distance in sorted(found.items(), key=lambda item: (item[1], item[0]))[:limit]:
        word = "1 character off" if distance == 1 else f"{distance} characters off"
        for match in select(connection, PlateMatch, MATCH, (number,)):
            yield replace(match, reason=word, score=0.9 - 0.9 * distance / len(key))
