"""A trip: its way by speed, its clips in lanes, its figures, and its files for other programs."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

GPX = "{http://www.topografix.com/GPX/1/1}"


@pytest.fixture
def trip_id(site):
    ((found,),) = site.rows("SELECT trip_id FROM trips WHERE started_at IS NOT NULL")
    return found


def test_a_trip_shows_its_way_by_speed_and_its_clips_as_one_player(site, trip_id):
    text = site.get(f"/trip/{trip_id}").text
    assert "route pace1" in text and "40 km/h on the move, 40 km/h at most" in text
    assert 'data-lane="front" data-start-ms="0" data-end-ms="10000" data-src="/media/' in text
    assert f'href="/trip/{trip_id}.gpx"' in text and f'href="/search?trip={trip_id}"' in text


def test_the_track_of_a_trip_is_in_milliseconds_since_it_began(site, trip_id):
    found = site.get(f"/trip/{trip_id}/track.json").json()
    assert found["columns"][:3] == ["t_ms", "latitude", "longitude"]
    assert found["points"][3] == [3000, pytest.approx(52.0003), 20.0, 11.0, 0.0]
    assert site.get("/video/one-0a1b2c3d/track.json").json()["points"] == found["points"]


def test_gpx_and_geojson_hold_the_way_and_the_sightings(site, trip_id):
    root = ElementTree.fromstring(site.get(f"/trip/{trip_id}.gpx").text)
    times = [point.find(f"{GPX}time").text for point in root.iter(f"{GPX}trkpt")]
    assert (times[0], len(times)) == ("2024-01-15T14:25:00.000Z", 10)
    assert [name.text for name in root.findall(f"{GPX}wpt/{GPX}name")] == ["AB12CDE", "XY99ZZZ"]
    line, *sightings = site.get(f"/trip/{trip_id}.geojson").json()["features"]
    assert line["geometry"]["type"] == "LineString" and line["geometry"]["coordinates"][0] == [20.0, 52.0]
    assert [f["properties"]["plate"] for f in sightings] == ["AB12CDE", "XY99ZZZ"]


@pytest.mark.parametrize("path", ["/trip/none/track.json", "/trip/none.gpx", "/trip/none.geojson"])
def test_the_files_of_no_trip_are_404(site, path):
    assert site.get(path).status_code == 404
