"""dc-export: columns that stay, times in UTC and local, formats that their readers accept."""

import csv
import importlib.util
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import gpxpy
import pytest

from dashtools.commands._run import status_of
from dashtools.commands.export import command
from dashtools.index.exports import COLUMNS

spec = importlib.util.spec_from_file_location("library_of_index", Path(__file__).parent.parent / "index/conftest.py")
library_of_index = importlib.util.module_from_spec(spec)
spec.loader.exec_module(library_of_index)


@pytest.fixture
def export(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "kept"))
    library = library_of_index.Library(tmp_path / "spool", tmp_path / "unused.db")
    library.add("a&b.mp4", plates=["AB12CDE", "XY99ZZZ"], recorded_at="2024-01-15T14:25:00Z")
    library.add("late.mp4", plates=["AB12CDE"], recorded_at="2024-02-01T08:00:00Z", where={"latitude": None})
    library.work()

    def run(*words):
        status = status_of(command, "dc-export", [words[0], "--spool", str(tmp_path / "spool"), *words[1:]])
        done = capsys.readouterr()
        return status, done.out

    run.tmp_path = tmp_path
    return run


@pytest.mark.parametrize("kind", list(COLUMNS))
def test_csv_and_json_lines_have_the_promised_columns_in_their_order(export, kind):
    status, text = export(kind)
    table = list(csv.reader(io.StringIO(text)))
    assert status == 0 and tuple(table[0]) == COLUMNS[kind] and len(table) > 1
    objects = [json.loads(line) for line in export(kind, "--format", "jsonl")[1].splitlines()]
    assert [tuple(found) for found in objects] == [COLUMNS[kind]] * (len(table) - 1)


def test_the_columns_are_these_and_stay_so():
    assert {kind: len(columns) for kind, columns in COLUMNS.items()} == {
        "plates": 9,
        "sightings": 24,
        "trips": 13,
        "fixes": 15,
    }


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ((), 3),
        (("--plate", "AB12CDE"), 2),
        (("--since", "2024-01-20"), 1),
        (("--until", "2024-01-15T15:25:00+01:00"), 0),
        (("--video", "late-0a1b2c3d"), 1),
    ],
    ids=["all", "plate", "since", "until", "video"],
)
def test_sightings_are_chosen(export, words, count):
    assert len(export("sightings", "--format", "jsonl", *words)[1].splitlines()) == count


def test_geojson_has_a_feature_for_each_sighting_and_null_without_a_place(export):
    found = json.loads(export("sightings", "--format", "geojson")[1])
    assert found["type"] == "FeatureCollection"
    assert [f["geometry"] and f["geometry"]["coordinates"] for f in found["features"]] == [
        [20.0, 52.0002],
        [20.0, 52.0002],
        None,
    ]


def test_gpx_is_read_by_gpxpy_with_waypoints_and_tracks(export):
    places = gpxpy.parse(export("sightings", "--format", "gpx")[1])
    assert [point.name for point in places.waypoints] == ["AB12CDE", "XY99ZZZ"]
    ways = gpxpy.parse(export("fixes", "--format", "gpx")[1])
    assert [(track.name, len(track.segments[0].points)) for track in ways.tracks] == [("a&b.mp4", 10), ("late.mp4", 10)]
    assert ways.tracks[0].segments[0].points[1].time.isoformat() == "2024-01-15T14:25:01+00:00"
    assert len(gpxpy.parse(export("trips", "--format", "gpx")[1]).tracks) == 2


def test_kml_is_well_formed_and_places_longitude_first(export):
    tree = ET.fromstring(export("sightings", "--format", "kml")[1])
    found = [node.text for node in tree.iter("{http://www.opengis.net/kml/2.2}coordinates")]
    assert found == ["20.0,52.0002"] * 2
    assert (
        len(
            list(
                ET.fromstring(export("trips", "--format", "kml")[1]).iter("{http://www.opengis.net/kml/2.2}LineString")
            )
        )
        == 2
    )


def test_a_file_appears_whole_and_the_same_as_stdout(export):
    target = export.tmp_path / "out.csv"
    assert export("sightings", "-o", str(target)) == (0, "")
    assert target.read_text().splitlines() == export("sightings")[1].splitlines()
    assert not list(export.tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    "words", [("plates", "--format", "gpx"), ("trips", "--plate", "X"), ("sightings", "--since", "noon")]
)
def test_what_makes_no_sense_is_a_usage_error(export, words):
    assert export(*words)[0] == 64
