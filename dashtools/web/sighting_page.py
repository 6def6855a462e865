"""What the page of one sighting shows."""

from __future__ import annotations

import sqlite3
from typing import Any

from datasette.utils.asgi import NotFound, Response

from dashtools.index import journey, queries, sayings
from dashtools.index.views import Card, Track
from dashtools.web import routemap
from dashtools.web.answers import ask, may_here, show

BESIDE_MS = 2000


async def sighting(datasette: Any, request: Any) -> Response:
    """One sighting: crop, clip at that second, why this text, where."""
    sighting_id = request.url_vars["sighting_id"]
    found = await ask(datasette, lambda c: gather(c, sighting_id))
    if found is None:
        raise NotFound(f"no sighting {sighting_id}")
    may_say = may_here(datasette, request, "work")
    return await show(datasette, request, "sighting.html", may_say=may_say, **found)


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
        "agreeing": sum(read.text == card.read_as for read in reads),
        "player": journey.playable(connection, card.video_id),
        "drawing": routemap.draw([route] if route else [], marks, by_speed=True),
        "others": others[:12],
        "refused": [t for t in queries.tracks(connection, card.video_id) if _is_beside(t, card)],
        "said": sayings.about(connection, f"sighting:{sighting_id}"),
        "said_of_plate": sayings.about(connection, f"plate:{card.plate}"),
        "tags_in_use": sayings.tags_in_use(connection),
    }


def _is_beside(track: Track, card: Card) -> bool:
    """Was it refused while the sighting was in the picture, or within two seconds of it?"""
    if track.sighting_id is not None or track.first_pts_ms is None or track.last_pts_ms is None:
        return False
    return track.first_pts_ms <= card.last_pts_ms + BESIDE_MS and track.last_pts_ms >= card.first_pts_ms - BESIDE_MS


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
