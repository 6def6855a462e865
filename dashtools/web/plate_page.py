"""The page of a plate: every sighting on a map and a time line, how often it keeps you company, what is said of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasette.utils.asgi import NotFound, Response

from dashtools.index import queries, sayings
from dashtools.index.company import company
from dashtools.index.moments import parsed
from dashtools.index.views import Card
from dashtools.web import routemap
from dashtools.web.answers import ask, may_here, show

MOST = 200
BEST = 6
LINE_WIDTH = 1000


@dataclass(frozen=True)
class Moment:
    """A sighting on the time line, at `x` of LINE_WIDTH."""

    x: float
    card: Card


async def plate(datasette: Any, request: Any) -> Response:
    """Every sighting of a plate."""
    text = request.url_vars["plate"]

    def question(c: sqlite3.Connection) -> dict[str, Any]:
        cards = queries.sightings_of_plate(c, text, MOST)
        return {
            "cards": cards,
            "totals_of_plate": queries.plate_totals(c, text),
            "company": company(c, text) if cards else None,
            "said": sayings.about(c, f"plate:{text}"),
            "tags_in_use": sayings.tags_in_use(c),
        }

    values = await ask(datasette, question)
    cards = values["cards"]
    if not cards and not values["said"].history:
        raise NotFound(f"no sighting of {text}")
    best = sorted((c for c in cards if c.crop_id), key=lambda c: (-(c.confidence or 0.0), c.sighting_id))[:BEST]
    drawing = routemap.draw([], [mark_of(card) for card in cards if card.latitude is not None])
    values |= {"best": best, "drawing": drawing, "line": time_line(cards)}
    values["may_say"] = may_here(datasette, request, "work")
    return await show(datasette, request, "plate.html", plate=text, **values)


def mark_of(card: Card, kind: str = "seen") -> routemap.Mark:
    """A sighting as a mark on a map."""
    assert card.latitude is not None and card.longitude is not None
    return routemap.Mark(card.latitude, card.longitude, card.plate, f"/sighting/{card.sighting_id}", None, kind)


def time_line(cards: Sequence[Card]) -> tuple[Moment, ...]:
    """Sightings with a time from the first to the last, to scale; empty when there are not two different times."""
    timed = [(when.timestamp(), card) for card in cards if (when := parsed(card.seen_at)) is not None]
    if len(timed) < 2:
        return ()
    first, last = min(at for at, _ in timed), max(at for at, _ in timed)
    if last - first < 1.0:
        return ()
    return tuple(Moment(round((at - first) / (last - first) * LINE_WIDTH, 1), card) for at, card in timed)
