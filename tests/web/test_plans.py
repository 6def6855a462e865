"""No page walks through a table that grows with the library: every statement that a page sends is explained."""

from __future__ import annotations

import re
import shutil
import sqlite3

import pytest

from dashtools.web.database import IndexDatabase

BIG = {
    "videos", "fixes", "filtering", "tracks", "sightings", "reads", "crops", "lowres", "artifacts", "tasks", "plates",
    "trips",
}  # fmt: skip
ALIAS = re.compile(r"\b(?:FROM|JOIN|,)\s*(\w+)(?:\s+(?:AS\s+)?(\w+))?", re.IGNORECASE)
SORTED = {f"USE TEMP B-TREE FOR {what} BY" for what in ("ORDER", "GROUP")}
PLATE, VIDEO = "AB12CDE", "one-0a1b2c3d"
PAGES = {
    "home": "/",
    "search all": "/search",
    "search exact, near, parts": "/search?q=AB12CDF",
    "search two characters": "/search?q=B1",
    "search a beginning": "/search?q=AB*",
    "search a wildcard": "/search?q=*12CD?",
    "search by day": "/search?from=2024-01-15&to=2024-01-16",
    "search by place": "/search?bbox=19.9,51.9,20.1,52.1",
    "search by text and camera": f"/search?q={PLATE}&camera=cam&channel=front&confidence=50",
    "search by camera": "/search?camera=cam",
    "search by camera and day": "/search?camera=cam&from=2024-01-15&to=2024-01-16",
    "search by view": "/search?channel=front",
    "search by confidence": "/search?confidence=95",
    "search by tag": "/search?tag=red",
    "search by list": "/search?list=watch",
    "plate": f"/plate/{PLATE}",
    "sighting": f"/sighting/{VIDEO}.t000",
    "video": f"/video/{VIDEO}",
    "track of a video": f"/video/{VIDEO}/track.json",
    "trips": "/trips?page=2",
    "queue": "/queue",
    "devices": "/devices",
    "storage": "/storage",
}


def sent(site, monkeypatch, path: str) -> list[str]:
    """The statements by which a page asks the index."""
    statements: list[str] = []
    connect = IndexDatabase.connect

    def listening(self, write=False):
        connection = connect(self, write)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(IndexDatabase, "connect", listening)
    answer = site.get(path)
    assert answer.status_code == 200, answer.text
    return sorted({sql for sql in statements if sql.lstrip().upper().startswith(("SELECT", "WITH"))})


def walks(connection: sqlite3.Connection, sql: str) -> list[str]:
    """The steps of a plan that go through a whole table; one in the order of an index that may end early is none."""
    plan = [(row[1], row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    tables = {alias or table: table for table, alias in ALIAS.findall(sql)} | {table: table for table in BIG}
    sorted_whole = {parent for parent, step in plan if step in SORTED}
    found = []
    for parent, step in plan:
        if not step.startswith("SCAN ") or tables.get(step.split()[1]) not in BIG:
            continue
        if " USING " in step and "LIMIT" in sql.upper() and parent not in sorted_whole:
            continue
        found.append(step)
    return found


@pytest.fixture
def unmeasured(site, tmp_path):
    """A copy of the index for the planner, which then takes every table for big."""
    copy = tmp_path / "copy.db"
    shutil.copy(site.library.db.resolve(), copy)
    connection = sqlite3.connect(copy)
    connection.execute("DELETE FROM sqlite_stat1")
    connection.commit()
    connection.close()
    connection = sqlite3.connect(copy)
    yield connection
    connection.close()


@pytest.mark.parametrize("path", PAGES.values(), ids=list(PAGES))
def test_no_page_walks_through_a_table_that_grows(site, unmeasured, monkeypatch, path):
    statements = sent(site, monkeypatch, path)
    assert {sql: found for sql in statements if (found := walks(unmeasured, sql))} == {}
    assert statements or path == "/storage"


def test_a_walk_is_seen(unmeasured):
    for sql in (
        "SELECT * FROM sightings s WHERE s.confidence > 0.5",
        "SELECT count(*) FROM reads",
        "SELECT plate FROM sightings s WHERE s.plate GLOB '*A*' ORDER BY s.confidence LIMIT 5",
        "SELECT 1 FROM trips t JOIN videos AS v ON v.clip = t.label",
    ):
        assert walks(unmeasured, sql), sql
    assert walks(unmeasured, "SELECT plate FROM sightings ORDER BY seen_at DESC LIMIT 5") == []


def test_the_page_of_a_trip_walks_through_none(site, unmeasured, monkeypatch):
    trip_id = site.rows("SELECT trip_id FROM trips WHERE started_at IS NOT NULL")[0][0]
    for path in (f"/trip/{trip_id}", f"/trip/{trip_id}/track.json", f"/search?trip={trip_id}"):
        assert [w for sql in sent(site, monkeypatch, path) if (w := walks(unmeasured, sql))] == []
