"""The table of our pages: which path shows what."""

from __future__ import annotations

from typing import Any

from dashtools.web import (
    basemap,
    devices_page,
    media,
    notes_page,
    pages,
    plate_page,
    requeue_page,
    search_page,
    sighting_page,
    storage_page,
    tracks_page,
    trip_page,
)

VIDEO = r"(?P<video_id>[A-Za-z0-9_.-]{1,128})"
TRIP = r"(?P<trip_id>[A-Za-z0-9_-]{1,64})"

ROUTES: list[tuple[str, Any]] = [
    (r"^/$", pages.home),
    (r"^/search$", search_page.search),
    (r"^/search\.json$", search_page.search_json),
    (r"^/search\.csv$", search_page.search_csv),
    (r"^/plate/(?P<plate>[A-Z0-9]{1,32})$", plate_page.plate),
    (r"^/sighting/(?P<sighting_id>[A-Za-z0-9_.-]{1,128})$", sighting_page.sighting),
    (r"^/trips$", trip_page.trips),
    (rf"^/trip/{TRIP}/track\.json$", tracks_page.trip_track),
    (rf"^/trip/{TRIP}\.gpx$", tracks_page.trip_gpx),
    (rf"^/trip/{TRIP}\.geojson$", tracks_page.trip_geojson),
    (rf"^/trip/{TRIP}$", trip_page.trip),
    (rf"^/video/{VIDEO}/track\.json$", tracks_page.video_track),
    (rf"^/video/{VIDEO}$", pages.video),
    (r"^/queue$", pages.queue),
    (r"^/queue/requeue$", requeue_page.requeue),
    (r"^/notes$", notes_page.say),
    (r"^/devices$", devices_page.devices),
    (r"^/storage$", storage_page.storage),
    (r"^/tiles/(?P<z>\d{1,2})/(?P<x>\d{1,7})/(?P<y>\d{1,7})\.png$", basemap.tile),
    (r"^/media/(?P<artifact_id>[0-9a-f]{24})$", media.respond),
]
