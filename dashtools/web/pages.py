"""The pages: each asks the index once, in one thread and one moment, and fills a template."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from datasette.utils.asgi import NotFound, Response

from dashtools.index import queries
from dashtools.index.search import search as find_plates
from dashtools.web import routemap, sighting_page
from dashtools.web.rights import may

T = TypeVar("T")
PAGE_SIZE = 50


async def ask(datasette: Any, question: Callable[[sqlite3.Connection], T]) -> T:
    """The answer of one consistent state of the index: a refresh in between does not show."""

    def in_one_moment(connection: sqlite3.Connection) -> T:
        connection.execute("BEGIN")
        try:
            return question(connection)
        finally:
            connection.execute("ROLLBACK")

    return await datasette.get_database("dash").execute_fn(in_one_moment)


async def show(datasette: Any, request: Any, template: str, **values: Any) -> Response:
    """A template as an answer; other methods than GET and HEAD get 405."""
    if request.method not in ("GET", "HEAD"):
        return Response.text("only GET and HEAD\n", status=405, headers={"allow": "GET, HEAD"})
    values["totals"] = await ask(datasette, queries.totals)
    return Response.html(
        await datasette.render_template(template, values, request=request), headers={"cache-control": "no-store"}
    )


async def home(datasette: Any, request: Any) -> Response:
    """What is new, what is being worked on, what failed."""

    def question(c: sqlite3.Connection) -> dict[str, Any]:
        return {
            "cards": queries.newest_sightings(c),
            "trips": queries.trips(c, 6),
            "claimed": queries.in_condition(c, "claimed", 6),
            "depths": queries.depths(c),
            "failures": queries.failures(c, 5),
        }

    return await show(datasette, request, "home.html", **await ask(datasette, question))


async def search(datasette: Any, request: Any) -> Response:
    """Plates that the query may mean, with reasons."""
    query = (request.args.get("q") or "")[:64]
    matches = await ask(datasette, lambda c: find_plates(c, query))
    return await show(datasette, request, "search.html", matches=matches, asked=query)


async def plate(datasette: Any, request: Any) -> Response:
    """Every sighting of a plate, on one map."""
    text = request.url_vars["plate"]
    cards = await ask(datasette, lambda c: queries.sightings_of_plate(c, text))
    if not cards:
        raise NotFound(f"no sighting of {text}")
    drawing = routemap.draw([], [_mark(card) for card in cards if card.latitude is not None])
    videos = len({card.video_id for card in cards})
    return await show(datasette, request, "plate.html", plate=text, cards=cards, drawing=drawing, videos=videos)


async def sighting(datasette: Any, request: Any) -> Response:
    """One sighting: crop, clip at that second, why this text, where."""
    sighting_id = request.url_vars["sighting_id"]
    found = await ask(datasette, lambda c: sighting_page.gather(c, sighting_id))
    if found is None:
        raise NotFound(f"no sighting {sighting_id}")
    return await show(datasette, request, "sighting.html", **found)


async def trips(datasette: Any, request: Any) -> Response:
    """All trips, the last first."""
    page = max(1, int(request.args.get("page") or 1)) if (request.args.get("page") or "1").isdigit() else 1
    found = await ask(datasette, lambda c: queries.trips(c, PAGE_SIZE + 1, (page - 1) * PAGE_SIZE))
    has_more = len(found) > PAGE_SIZE
    return await show(datasette, request, "trips.html", trips=found[:PAGE_SIZE], page=page, has_more=has_more)


async def trip(datasette: Any, request: Any) -> Response:
    """One trip: route, sightings along it, clips in order."""
    trip_id = request.url_vars["trip_id"]

    def question(c: sqlite3.Connection) -> dict[str, Any] | None:
        found = queries.trip(c, trip_id)
        if found is None:
            return None
        clips, cards = queries.clips_of_trip(c, trip_id), queries.sightings_of_trip(c, trip_id)
        routes = [queries.route(c, clip.video_id) for clip in clips]
        drawing = routemap.draw([r for r in routes if r], [_mark(k) for k in cards if k.latitude is not None])
        return {"trip": found, "clips": clips, "cards": cards, "drawing": drawing}

    values = await ask(datasette, question)
    if values is None:
        raise NotFound(f"no trip {trip_id}")
    return await show(datasette, request, "trip.html", **values)


async def video(datasette: Any, request: Any) -> Response:
    """One clip: what it is, what was found and refused, what became of each step."""
    video_id = request.url_vars["video_id"]

    def question(c: sqlite3.Connection) -> dict[str, Any]:
        cards = queries.sightings_of_video(c, video_id)
        marks = [_mark(card) for card in cards if card.latitude is not None]
        route = queries.route(c, video_id)
        return {
            "clip": queries.clip(c, video_id),
            "cards": cards,
            "refused": [track for track in queries.tracks(c, video_id) if track.sighting_id is None],
            "steps": queries.steps(c, video_id),
            "filtering": queries.filtering(c, video_id),
            "player": sighting_page.playable(c, video_id),
            "drawing": routemap.draw([route] if route else [], marks),
        }

    values = await ask(datasette, question)
    if values["clip"] is None and not values["steps"]:
        raise NotFound(f"no video {video_id}")
    return await show(datasette, request, "video.html", video_id=video_id, **values)


async def queue(datasette: Any, request: Any) -> Response:
    """Depths, what is worked on, what waits, what failed and why."""

    def question(c: sqlite3.Connection) -> dict[str, Any]:
        return {
            "depths": queries.depths(c),
            "claimed": queries.in_condition(c, "claimed"),
            "delayed": queries.in_condition(c, "delayed"),
            "failures": queries.failures(c),
            "workers": queries.workers(c),
        }

    visitor = request.scope.get("dashtools_visitor")
    may_requeue = datasette.dashtools.api is not None and may(getattr(visitor, "scope", None), "admin")
    moved, moved_of = (request.args.get(name) or "" for name in ("moved", "of"))
    said = {"moved": moved, "moved_of": moved_of} if moved.isdigit() and moved_of.isdigit() else {}
    values = await ask(datasette, question)
    return await show(datasette, request, "queue.html", may_requeue=may_requeue, **said, **values)


def _mark(card: Any) -> routemap.Mark:
    return routemap.Mark(card.latitude, card.longitude, card.plate, f"/sighting/{card.sighting_id}")
