"""What the page of one sighting shows."""

from __future__ import annotations

import sqlite3
from typing import Any

from dashtools.index import queries
from dashtools.index.views import Media
from dashtools.web import routemap


def playable(connection: sqlite3.Connection, video_id: str) -> Media | None:
    """The file to play: the small copy, else the original as the camera left it."""
    if queries.clip(connection, video_id) is None:
        return None  # it could not be taken in: a player would only show that it is broken
    for kind in ("video_lowres", "video"):
        found = queries.artifacts(connection, video_id, kind)
        if found:
            return found[0]
    return None


def gather(connection: sqlite3.Connection, sighting_id: str) -> dict[str, Any] | None:
    """All values of the page; None when there is no such sighting."""
    card = queries.card(connection, sighting_id)
    if card is None:
        return None
    bearing_deg, speed_mps, note = queries.bearing_and_note(connection, sighting_id)
    route = queries.route(connection, card.video_id)
    marks = []
    if card.latitude is not None and card.longitude is not None:
        marks = [routemap.Mark(card.latitude, card.longitude, card.plate, None, bearing_deg)]
    others = [c for c in queries.sightings_of_plate(connection, card.plate, 13) if c.sighting_id != sighting_id]
    reads = queries.reads(connection, sighting_id)
    return {
        "card": card,
        "clip": queries.clip(connection, card.video_id),
        "bearing_deg": bearing_deg,
        "speed_mps": speed_mps,
        "note": note,
        "votes": _told(queries.votes(connection, sighting_id)),
        "reads": reads,
        "agreeing": sum(read.text == card.plate for read in reads),
        "player": playable(connection, card.video_id),
        "drawing": routemap.draw([route] if route else [], marks),
        "others": others[:12],
    }


def _told(votes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Votes with each weight's share of its place, and the runners-up as (character, share), best first."""
    told = []
    for vote in votes:
        weight = _number(vote.get("weight"))
        rivals = _rivals(vote.get("alternatives"))
        total = weight + sum(w for _, w in rivals)
        share = weight / total if total > 0 else 0.0
        runners = [(char or "none", w / total) for char, w in rivals if total > 0]
        told.append({"char": str(vote.get("char", "?")), "share": share, "runners": runners[:3]})
    return told


def _rivals(given: Any) -> list[tuple[str, float]]:
    if isinstance(given, dict):
        pairs = [(str(char), _number(weight)) for char, weight in given.items()]
    elif isinstance(given, list):
        pairs = [(str(g.get("char", "")), _number(g.get("weight"))) for g in given if isinstance(g, dict)]
        pairs += [(str(g[0]), _number(g[1])) for g in given if isinstance(g, (list, tuple)) and len(g) == 2]
    else:
        pairs = []
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
