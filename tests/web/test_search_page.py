"""The search by conditions, as page, JSON and CSV, each with a URL."""

from __future__ import annotations

import csv
import io

import pytest


@pytest.fixture
def wide(site):
    """Two more clips: another camera elsewhere later, and one in the rear without a position."""
    far = {"latitude": -33.9, "longitude": 151.2}
    site.library.add("far.mp4", recorded_at="2024-03-01T10:00:00Z", camera="van", plates=["AB12CDX"], where=far)
    site.library.work()
    site.refresh()
    return site


def plates(site, query):
    answer = site.get(f"/search.json?{query}")
    assert answer.status_code == 200
    return sorted(match["plate"] for match in answer.json()["matches"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("bbox=19.9,51.9,20.1,52.1", ["A812CDE", "AB12CDE", "XY99ZZZ"]),
        ("bbox=150,-35,152,-33", ["AB12CDX"]),
        ("bbox=-180,-90,180,90", ["A812CDE", "AB12CDE", "AB12CDX", "XY99ZZZ"]),
        ("bbox=151.1,-34,-170,-33", ["AB12CDX"]),
        ("camera=van", ["AB12CDX"]),
        ("from=2024-02-01", ["AB12CDX"]),
        ("from=2024-01-15&to=2024-01-15", ["AB12CDE", "XY99ZZZ"]),
        ("confidence=95", []),
        ("confidence=80&q=XY99ZZZ", ["XY99ZZZ"]),
        ("channel=rear", []),
        ("q=AB12CDE&camera=van", ["AB12CDX"]),
        ("q=AB12CDE&bbox=19.9,51.9,20.1,52.1", ["A812CDE", "AB12CDE"]),
    ],
)
def test_conditions_choose(wide, query, found):
    assert plates(wide, query) == found


def test_a_trip_is_a_condition(wide):
    ((trip_id,),) = wide.rows("SELECT trip_id FROM videos WHERE clip = 'far.mp4'")
    assert plates(wide, f"trip={trip_id}") == ["AB12CDX"]


def test_each_match_has_score_and_reason_in_every_form(wide):
    first, second, *_ = wide.get("/search.json?q=AB12CDE").json()["matches"]
    assert (first["plate"], first["score"], first["reason"]) == ("AB12CDE", 1.0, "exactly this")
    assert (second["plate"], second["score"], second["reason"]) == ("A812CDE", 0.97, "look-alikes: 8 for B")
    rows = list(csv.DictReader(io.StringIO(wide.get("/search.csv?q=AB12CDE").text)))
    assert [row["plate"] for row in rows][:2] == ["AB12CDE", "A812CDE"] and rows[1]["score"] == "0.97"
    page = wide.get("/search?q=AB12CDE").text
    assert "97\xa0%" in page and "look-alikes: 8 for B" in page and "/search.csv?q=AB12CDE" in page


@pytest.mark.parametrize("query", ["bbox=1,2,3", "bbox=a,b,c,d", "from=yesterday", "confidence=high", "bbox=0,9,1,8"])
def test_what_cannot_be_read_is_said(wide, query):
    assert wide.get(f"/search.json?{query}").status_code == 400
    page = wide.get(f"/search?{query}")
    assert page.status_code == 200 and 'role="alert"' in page.text


def test_no_condition_is_an_injection(wide):
    for field in ("trip", "camera", "channel", "list", "tag", "q"):
        assert plates(wide, f"{field}=%27%20OR%201=1--") == []


def test_the_map_shows_the_whole_box_that_was_asked_for(wide):
    page = wide.get("/search?bbox=19,51,21,53").text
    assert 'data-box="19,51,21,53"' in page
