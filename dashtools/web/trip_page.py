"""The page of a trip: the way coloured by speed, sightings along it, its clips as one player, side by side."""

from __future__ import annotations

import sqlite3
from typing import Any

from datasette.utils.asgi import NotFound, Response

from dashtools.index import journey, queries, sayings
from dashtools.web import routemap
from dashtools.web.answers import ask, may_here, page_of, show
from dashtools.web.plate_page import mark_of

PAGE_SIZE = 50


async def trips(datasette: Any, request: Any) -> Response:
    """All trips, the last first."""
    page = page_of(request)
    found = await ask(datasette, lambda c: queries.trips(c, PAGE_SIZE + 1, (page - 1) * PAGE_SIZE))
    has_more = len(found) > PAGE_SIZE
    return await show(datasette, request, "trips.html", trips=found[:PAGE_SIZE], page=page, has_more=has_more)


async def trip(datasette: Any, request: Any) -> Response:
    """One trip."""
    trip_id = request.url_vars["trip_id"]
    values = await ask(datasette, lambda c: _gather(c, trip_id))
    if values is None:
        raise NotFound(f"no trip {trip_id}")
    may_say = may_here(datasette, request, "work")
    return await show(datasette, request, "trip.html", may_say=may_say, **values)


def _gather(c: sqlite3.Connection, trip_id: str) -> dict[str, Any] | None:
    found = queries.trip(c, trip_id)
    if found is None:
        return None
    clips, cards = queries.clips_of_trip(c, trip_id), queries.sightings_of_trip(c, trip_id)
    lanes = journey.lanes(c, clips)
    ways = [way for way in (journey.way(c, lane) for lane in lanes) if way]
    figures = journey.figures(ways[0]) if ways else None
    marks = [mark_of(card) for card in cards if card.latitude is not None]
    marks += [
        routemap.Mark(p.latitude, p.longitude, "braked hard", None, None, "brake")
        for p in (figures.hard_brakes if figures else ())
    ]
    return {
        "trip": found,
        "clips": clips,
        "cards": cards,
        "lanes": [lane for lane in lanes if any(piece.media for piece in lane.pieces)],
        "figures": figures,
        "drawing": routemap.draw(ways[:1], marks, by_speed=True),
        "starts": {piece.clip.video_id: piece.start_ms for lane in lanes for piece in lane.pieces},
        "said": sayings.about(c, f"trip:{trip_id}"),
        "tags_in_use": sayings.tags_in_use(c),
    }
