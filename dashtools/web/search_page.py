"""The search: plates by text, date, place, trip, camera, view, confidence, list and tag; as page, JSON or CSV."""

from __future__ import annotations

import csv
import io
import sqlite3
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from datasette.utils.asgi import Response

from dashtools.index import conditions, sayings
from dashtools.index.cells import Box
from dashtools.index.conditions import Conditions
from dashtools.index.search import search as find_plates
from dashtools.index.views import PlateMatch
from dashtools.spool.notes import LISTS
from dashtools.web import routemap
from dashtools.web.answers import ask, show
from dashtools.web.problem import Problem, json_answer, response

FIELDS = ("q", "from", "to", "bbox", "trip", "camera", "channel", "confidence", "list", "tag")
COLUMNS = ("plate", "score", "reason", "sightings", "videos", "first_seen", "last_seen")
LONGEST = 200


class NotUnderstood(Exception):
    """A condition that cannot be read; the text says which and how it should look."""


async def search(datasette: Any, request: Any) -> Response:
    """The page of a search; what cannot be read is said on it and left out."""
    given, complaint = _given(request), None
    try:
        asked = conditions_of(given)
    except NotUnderstood as problem:
        asked, complaint = Conditions(), str(problem)

    def question(c: sqlite3.Connection) -> dict[str, Any]:
        matches = _matches(c, given["q"], asked)
        seen_at = conditions.places(c, [m.plate for m in matches], asked)
        marks = [routemap.Mark(lat, lon, plate, f"/sighting/{sid}") for sid, plate, lat, lon, _ in seen_at]
        return {
            "matches": matches,
            "drawing": routemap.draw([], marks + _corners(asked.box)),
            "listed": sayings.listed(c),
            "choices": {**conditions.choices(c), "lists": LISTS, "tags": sayings.tags_in_use(c)},
        }

    values = await ask(datasette, question)
    query = urlencode({name: value for name, value in given.items() if value})
    values |= {"given": given, "complaint": complaint, "query": query, "are_conditions": asked.are_any}
    return await show(datasette, request, "search.html", **values)


async def search_json(datasette: Any, request: Any) -> Response:
    """The same matches for programs; 400 for a condition that cannot be read."""
    given = _given(request)
    try:
        asked = conditions_of(given)
    except NotUnderstood as problem:
        return response(Problem(400, str(problem)))
    matches = await ask(datasette, lambda c: _matches(c, given["q"], asked))
    named = {name: value for name, value in given.items() if value}
    return json_answer({"asked": named, "count": len(matches), "matches": [_row(match) for match in matches]})


async def search_csv(datasette: Any, request: Any) -> Response:
    """The same matches as a table of comma-separated values (RFC 4180)."""
    given = _given(request)
    try:
        asked = conditions_of(given)
    except NotUnderstood as problem:
        return response(Problem(400, str(problem)))
    matches = await ask(datasette, lambda c: _matches(c, given["q"], asked))
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    writer.writerows(_row(match) for match in matches)
    headers = {"cache-control": "no-store", "content-disposition": 'attachment; filename="plates.csv"'}
    return Response(file.getvalue(), 200, headers, "text/csv; charset=utf-8")


def conditions_of(given: dict[str, str]) -> Conditions:
    """The conditions of a URL; NotUnderstood for one that cannot be read."""
    box = Box.parse(given["bbox"]) if given["bbox"] else None
    if given["bbox"] and box is None:
        raise NotUnderstood("bbox is west,south,east,north in degrees, such as 20.9,52.1,21.1,52.3")
    until = _day(given["to"], "to")
    return Conditions(
        since=None if (since := _day(given["from"], "from")) is None else f"{since}T00:00:00.000Z",
        until=None if until is None else f"{until + timedelta(days=1)}T00:00:00.000Z",
        box=box,
        trip=given["trip"] or None,
        camera=given["camera"] or None,
        channel=given["channel"] or None,
        confidence=_share(given["confidence"]),
        listed=given["list"] or None,
        tag=given["tag"] or None,
    )


def _given(request: Any) -> dict[str, str]:
    return {name: (request.args.get(name) or "").strip()[:LONGEST] for name in FIELDS}


def _day(text: str, name: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise NotUnderstood(f"{name} is a date such as 2024-01-31") from None


def _share(text: str) -> float | None:
    """A confidence in percent, or as a share of 1."""
    if not text:
        return None
    try:
        value = float(text.rstrip("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise NotUnderstood("confidence is a number of percent, 0 to 100")
    return value / 100 if value > 1 else value


def _matches(connection: sqlite3.Connection, query: str, asked: Conditions) -> list[PlateMatch]:
    if not asked.are_any:
        return find_plates(connection, query[:64])
    if not query:
        return conditions.newest(connection, asked)
    return list(conditions.narrowed(connection, find_plates(connection, query[:64]), asked))


def _corners(box: Box | None) -> list[routemap.Mark]:
    """The corners of the box asked for, so that the map shows all of it."""
    if box is None:
        return []
    return [
        routemap.Mark(lat, lon, "", None, None, "corner") for lat, lon in ((box.south, box.west), (box.north, box.east))
    ]


def _row(match: PlateMatch) -> dict[str, Any]:
    return {name: round(match.score, 3) if name == "score" else getattr(match, name) for name in COLUMNS}
