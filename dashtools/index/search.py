"""Plates that a person may mean: exact, look-alikes, wildcards, parts, and a few edits away, each with its reason."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace

from dashtools.index.plates import allowed_edits, edits, fold, normal, pieces
from dashtools.index.queries import CROP_OF_SIGHTING, select
from dashtools.index.views import PlateMatch

LIMIT = 100
CANDIDATES = 3000  # how many may be measured by edits; more means that the query is too short to say much
MATCH = f"""SELECT p.plate, p.sightings, p.videos, p.first_seen, p.last_seen, (SELECT {CROP_OF_SIGHTING}
    FROM sightings s WHERE s.sighting_id = p.best_sighting_id) AS crop_id FROM plates p"""
NEWEST = "ORDER BY p.last_seen DESC, p.plate LIMIT ?"


def search(connection: sqlite3.Connection, query: str, limit: int = LIMIT) -> list[PlateMatch]:
    """The best matches first; an empty query gives the plates seen last."""
    text = query.upper()
    if "*" in text or "?" in text:
        return _wildcard(connection, re.sub(r"[^A-Z0-9*?]", "", text), limit)
    wanted = normal(text)
    if not wanted:
        return [replace(m, reason="seen last") for m in select(connection, PlateMatch, f"{MATCH} {NEWEST}", (limit,))]
    found: dict[str, PlateMatch] = {}
    for step in (_exact, _look_alikes, _parts, _near):
        for match in step(connection, wanted, limit):
            found.setdefault(match.plate, match)
    return sorted(found.values(), key=lambda m: (-m.score, m.plate))[:limit]


def _wildcard(connection: sqlite3.Connection, pattern: str, limit: int) -> list[PlateMatch]:
    matches = select(connection, PlateMatch, f"{MATCH} WHERE p.plate GLOB ? {NEWEST}", (pattern, limit))
    return [replace(match, reason=f"fits {pattern}") for match in matches]


def _exact(connection: sqlite3.Connection, wanted: str, limit: int) -> Iterator[PlateMatch]:
    for match in select(connection, PlateMatch, f"{MATCH} WHERE p.plate = ?", (wanted,)):
        yield replace(match, reason="exactly this")


def _look_alikes(connection: sqlite3.Connection, wanted: str, limit: int) -> Iterator[PlateMatch]:
    sql = f"{MATCH} WHERE p.folded = ? {NEWEST}"
    for match in select(connection, PlateMatch, sql, (fold(wanted), limit)):
        yield replace(match, reason=f"look-alikes: {_swaps(wanted, match.plate)}", score=0.97)


def _swaps(wanted: str, plate: str) -> str:
    return ", ".join(f"{a} for {b}" for a, b in zip(plate, wanted) if a != b)


def _parts(connection: sqlite3.Connection, wanted: str, limit: int) -> Iterator[PlateMatch]:
    """Plates that hold the text; trigrams need three characters, shorter ones are looked for in all plates."""
    if len(wanted) >= 3:
        where = "p.plate_no IN (SELECT rowid FROM plates_trigram WHERE plates_trigram MATCH ?)"
        value = f'"{wanted}" OR "{fold(wanted)}"'
    else:
        where, value = "instr(p.plate, ?)", wanted
    for match in select(connection, PlateMatch, f"{MATCH} WHERE {where} {NEWEST}", (value, limit)):
        share = len(wanted) / max(1, len(match.plate))
        if wanted in match.plate:
            yield replace(match, reason=f"contains {wanted}", score=0.6 + 0.3 * share)
        else:
            yield replace(match, reason=f"contains a look-alike of {wanted}", score=0.5 + 0.3 * share)


def _near(connection: sqlite3.Connection, wanted: str, limit: int) -> Iterator[PlateMatch]:
    """Plates a few edits away: with k edits, one of k + 1 pieces of the text stays whole."""
    key, most = fold(wanted), allowed_edits(len(wanted))
    if most == 0:
        return
    near = sorted(_measured(key, most, _candidates(connection, key, most)))[:limit]
    for distance, plate in near:
        for match in select(connection, PlateMatch, f"{MATCH} WHERE p.plate = ?", (plate,)):
            word = "1 character off" if distance == 1 else f"{distance} characters off"
            yield replace(match, reason=word, score=0.9 - 0.9 * distance / len(key))


def _candidates(connection: sqlite3.Connection, key: str, most: int) -> Iterable[tuple[str, str]]:
    parts = pieces(key, most + 1)
    holds = " OR ".join("instr(folded, ?)" for _ in parts)
    sql = f"SELECT folded, plate FROM plates WHERE length(folded) BETWEEN ? AND ? AND ({holds}) LIMIT {CANDIDATES}"
    return connection.execute(sql, (len(key) - most, len(key) + most, *parts)).fetchall()


def _measured(key: str, most: int, candidates: Iterable[tuple[str, str]]) -> Iterator[tuple[int, str]]:
    for folded, plate in candidates:
        distance = edits(key, folded, most)
        if 0 < distance <= most:
            yield distance, plate
