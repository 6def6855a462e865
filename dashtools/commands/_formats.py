"""Rows as CSV, JSON lines, GeoJSON, GPX 1.1 and KML 2.2, written a row at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson

Row = dict[str, Any]
_GPX = '<gpx version="1.1" creator="dashtools" xmlns="http://www.topografix.com/GPX/1/1">'
_KML = '<kml xmlns="http://www.opengis.net/kml/2.2">'
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """RFC 4180 with a head line; true and false for flags, nothing for what is not known."""
    yield _line(columns)
    for row in rows:
        yield _line([_cell(row[name]) for name in columns])


def as_jsonl(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """One object a line, keys in the order of the columns."""
    for row in rows:
        yield orjson.dumps({name: row[name] for name in columns}).decode() + "\n"


def as_geojson(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """RFC 7946: a point a row (a line where the row has a route), the row as properties; null without a place."""
    yield '{"type":"FeatureCollection","features":['
    for number, row in enumerate(rows):
        geometry = _geometry(row)
        properties = {name: row[name] for name in columns}
        feature = {"type": "Feature", "geometry": geometry, "properties": properties}
        yield (",\n" if number else "\n") + orjson.dumps(feature).decode()
    yield "\n]}\n"


def as_gpx(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Sightings as waypoints, fixes as a track for each clip, trips as tracks; rows without a place are left out."""
    yield f"{_XML}{_GPX}\n"
    for (name, _), members in groupby(rows, _track_of):
        if name is None:
            yield from (_waypoint(row) for row in members if _has_place(row))
            continue
        points = [point for row in members for point in row.get("route", [row])]
        yield f"<trk><name>{escape(name)}</name>\n"
        for has_place, segment in groupby(points, _has_place):
            if has_place:
                yield "<trkseg>\n" + "".join(_trackpoint(point) for point in segment) + "</trkseg>\n"
        yield "</trk>\n"
    yield "</gpx>\n"


def as_kml(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """A placemark for each sighting, for each trip's or clip's way; rows without a place are left out."""
    yield f"{_XML}{_KML}<Document><name>dashtools</name>\n"
    for (name, _), members in groupby(rows, _track_of):
        if name is None:
            yield from (_placemark(row) for row in members if _has_place(row))
            continue
        points = [point for row in members for point in row.get("route", [row]) if _has_place(point)]
        places = " ".join(f"{p['longitude']},{p['latitude']}" for p in points)
        line = f"<LineString><tessellate>1</tessellate><coordinates>{places}</coordinates></LineString>"
        yield f"<Placemark><name>{escape(name)}</name>{line}</Placemark>\n" if points else ""
    yield "</Document></kml>\n"


FORMATS: dict[str, Callable[[Sequence[str], Iterable[Row]], Iterator[str]]] = {
    "csv": as_csv,
    "jsonl": as_jsonl,
    "geojson": as_geojson,
    "gpx": as_gpx,
    "kml": as_kml,
}


def _line(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _has_place(row: Row) -> bool:
    return row.get("latitude") is not None and row.get("longitude") is not None and row.get("is_valid", True)


def _track_of(row: Row) -> tuple[str | None, str]:
    """Name and id of the track that a row belongs to; no name for a place of its own."""
    if "sighting_id" in row:
        return None, ""
    identity = str(row["trip_id"] if "route" in row else row["video_id"])
    return str(row.get("label") or row.get("clip") or identity), identity


def _geometry(row: Row) -> Row | None:
    if "route" in row:
        places = [[p["longitude"], p["latitude"]] for p in row["route"] if _has_place(p)]
        return {"type": "LineString", "coordinates": places} if len(places) > 1 else None
    return {"type": "Point", "coordinates": [row["longitude"], row["latitude"]]} if _has_place(row) else None


def _waypoint(row: Row) -> str:
    time = f"<time>{row['seen_at_utc']}</time>" if row["seen_at_utc"] else ""
    words = escape(f"{row['sighting_id']} {row['clip'] or ''}".strip())
    return f"<wpt {_at(row)}>{time}<name>{escape(row['plate'])}</name><desc>{words}</desc></wpt>\n"


def _trackpoint(row: Row) -> str:
    height = f"<ele>{row['altitude_m']}</ele>" if row.get("altitude_m") is not None else ""
    time = f"<time>{row['utc']}</time>" if row.get("utc") else ""
    return f"<trkpt {_at(row)}>{height}{time}</trkpt>\n"


def _at(row: Row) -> str:
    return f"lat={quoteattr(str(row['latitude']))} lon={quoteattr(str(row['longitude']))}"


def _placemark(row: Row) -> str:
    time = f"<TimeStamp><when>{row['seen_at_utc']}</when></TimeStamp>" if row["seen_at_utc"] else ""
    point = f"<Point><coordinates>{row['longitude']},{row['latitude']}</coordinates></Point>"
    words = escape(f"{row['sighting_id']} {row['clip'] or ''}".strip())
    name = escape(row["plate"])
    return f"<Placemark><name>{name}</name><description>{words}</description>{time}{point}</Placemark>\n"
