"""The way of a clip or trip for scripts and other programs: points in time, GPX 1.1, GeoJSON (RFC 7946)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

import orjson
from datasette.utils.asgi import NotFound, Response

from dashtools.index import journey, queries
from dashtools.index.moments import parsed, stamp
from dashtools.index.views import Card, Point
from dashtools.web.answers import ask
from dashtools.web.problem import json_answer

COLUMNS = ("t_ms", "latitude", "longitude", "speed_mps", "bearing_deg")
GPX_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<gpx version="1.1" creator="dashtools" xmlns="http://www.topografix.com/GPX/1/1">\n'
)


async def video_track(datasette: Any, request: Any) -> Response:
    """The points of a clip, in milliseconds from its first frame."""
    video_id = request.url_vars["video_id"]
    return _points(await ask(datasette, lambda c: queries.route(c, video_id)))


async def trip_track(datasette: Any, request: Any) -> Response:
    """The points of a trip's first view, in milliseconds since the trip began."""
    points, _, _ = await _of_trip(datasette, request)
    return _points(points)


async def trip_gpx(datasette: Any, request: Any) -> Response:
    """The way as a track and each sighting as a waypoint."""
    points, cards, began = await _of_trip(datasette, request)
    name = request.url_vars["trip_id"]
    body = "".join([GPX_HEAD, *_waypoints(cards), *_track(name, points, began), "</gpx>\n"])
    return _file(body, "application/gpx+xml", f"{name}.gpx")


async def trip_geojson(datasette: Any, request: Any) -> Response:
    """The way as a line and each sighting as a point."""
    points, cards, began = await _of_trip(datasette, request)
    name = request.url_vars["trip_id"]
    places = [[p.longitude, p.latitude] for p in points]
    line = {"type": "LineString", "coordinates": places}
    about = {"trip_id": name, "started_at": None if began is None else stamp(began)}
    features = [{"type": "Feature", "geometry": line, "properties": about}] if len(places) > 1 else []
    features += [_feature(card) for card in cards if card.latitude is not None]
    body = orjson.dumps({"type": "FeatureCollection", "features": features}).decode()
    return _file(body, "application/geo+json", f"{name}.geojson")


async def _of_trip(datasette: Any, request: Any) -> tuple[list[Point], list[Card], datetime | None]:
    trip_id = request.url_vars["trip_id"]

    def question(c: sqlite3.Connection) -> tuple[list[Point], list[Card], datetime | None] | None:
        found = queries.trip(c, trip_id)
        if found is None:
            return None
        lanes = journey.lanes(c, queries.clips_of_trip(c, trip_id))
        ways = [way for way in (journey.way(c, lane) for lane in lanes) if way]
        return (ways[0] if ways else []), queries.sightings_of_trip(c, trip_id), parsed(found.started_at)

    found = await ask(datasette, question)
    if found is None:
        raise NotFound(f"no trip {trip_id}")
    return found


def _points(points: Sequence[Point]) -> Response:
    rows = [[getattr(point, name) for name in COLUMNS] for point in points]
    return json_answer({"columns": COLUMNS, "points": rows})


def _waypoints(cards: Iterable[Card]) -> Iterable[str]:
    for card in cards:
        if card.latitude is not None:
            when = f"<time>{card.seen_at}</time>" if card.seen_at else ""
            yield f'<wpt lat="{card.latitude}" lon="{card.longitude}">{when}<name>{escape(card.plate)}</name></wpt>\n'


def _track(name: str, points: Sequence[Point], began: datetime | None) -> Iterable[str]:
    yield f"<trk><name>{escape(name)}</name><trkseg>\n"
    for point in points:
        when = "" if began is None else f"<time>{stamp(began + timedelta(milliseconds=point.t_ms))}</time>"
        yield f'<trkpt lat="{point.latitude}" lon="{point.longitude}">{when}</trkpt>\n'
    yield "</trkseg></trk>\n"


def _feature(card: Card) -> dict[str, Any]:
    about = {"sighting_id": card.sighting_id, "plate": card.plate, "seen_at": card.seen_at}
    place = {"type": "Point", "coordinates": [card.longitude, card.latitude]}
    return {"type": "Feature", "geometry": place, "properties": {**about, "confidence": card.confidence}}


def _file(body: str, kind: str, name: str) -> Response:
    headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"'}
    return Response(body, 200, headers, kind)
