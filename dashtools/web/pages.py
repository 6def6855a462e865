"""Pages without a file of their own: home, a clip, the queue."""

from __future__ import annotations

import sqlite3
from typing import Any

from datasette.utils.asgi import NotFound, Response

from dashtools.index import counts, journey, queries, rates, reasons, removed, sayings
from dashtools.web import routemap
from dashtools.web.answers import ask, may_here, show
from dashtools.web.plate_page import mark_of


async def home(datasette: Any, request: Any) -> Response:
    """What is new, what is being worked on, what failed."""

    def question(c: sqlite3.Connection) -> dict[str, Any]:
        return {
            "cards": queries.newest_sightings(c),
            "trips": queries.trips(c, 6),
            "claimed": queries.in_condition(c, "claimed", 6),
            "depths": counts.depths(c),
            "failures": reasons.failures(c, 5),
            "listed": sayings.listed(c),
        }

    return await show(datasette, request, "home.html", **await ask(datasette, question))


async def video(datasette: Any, request: Any) -> Response:
    """One clip: what it is, what was found and refused, what became of each step."""
    video_id = request.url_vars["video_id"]

    def question(c: sqlite3.Connection) -> dict[str, Any]:
        cards = queries.sightings_of_video(c, video_id)
        marks = [mark_of(card) for card in cards if card.latitude is not None]
        route, clip = queries.route(c, video_id), queries.clip(c, video_id)
        return {
            "clip": clip,
            "cards": cards,
            "refused": [track for track in queries.tracks(c, video_id) if track.sighting_id is None],
            "steps": queries.steps(c, video_id),
            "filtering": queries.filtering(c, video_id),
            "removed": removed.of_video(c, video_id),
            "player": journey.playable(c, video_id) if clip else None,  # what could not be taken in cannot be played
            "drawing": routemap.draw([route] if route else [], marks, by_speed=True),
            "said": sayings.about(c, f"video:{video_id}"),
            "tags_in_use": sayings.tags_in_use(c),
        }

    values = await ask(datasette, question)
    if values["clip"] is None and not values["steps"]:
        raise NotFound(f"no video {video_id}")
    may_say = may_here(datasette, request, "work")
    return await show(datasette, request, "video.html", video_id=video_id, may_say=may_say, **values)


async def queue(datasette: Any, request: Any) -> Response:
    """Depths, rates, what is worked on, what waits, what failed and why."""

    def question(c: sqlite3.Connection) -> dict[str, Any]:
        return {
            "depths": counts.depths(c),
            "rates": rates.rates(c),
            "claimed": queries.in_condition(c, "claimed"),
            "delayed": queries.in_condition(c, "delayed"),
            "failures": reasons.failures(c),
            "workers": queries.workers(c),
        }

    moved, moved_of = (request.args.get(name) or "" for name in ("moved", "of"))
    said = {"moved": moved, "moved_of": moved_of} if moved.isdigit() and moved_of.isdigit() else {}
    values = await ask(datasette, question)
    may_requeue = may_here(datasette, request, "admin")
    return await show(datasette, request, "queue.html", may_requeue=may_requeue, **said, **values)
