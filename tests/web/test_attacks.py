"""What somebody with bad intent would try, each tried and refused. docs/security.md says where the rest is tested."""

from __future__ import annotations

import re
import sqlite3
import xml.etree.ElementTree as ElementTree

import pytest

from dashtools.web.tokens import Tokens

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
EVIL = f"{SCRIPT}{IMAGE}'--"
CLIMBS = [
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fetc",
    "/etc/passwd",
    "..\\..\\x",
    "%00",
    "a%0d%0ab",
]


def change_index(site, *statements):
    connection = sqlite3.connect(site.library.db)
    with connection:
        for sql, values in statements:
            connection.execute(sql, values)
    connection.close()


PLACES = ["/media/{}", "/plate/{}", "/sighting/{}", "/video/{}", "/trip/{}", "/dash-static/{}", "/-/static/{}"]


def test_a_path_in_an_id_leads_nowhere(site):
    for path in (place.format(climb) for place in PLACES for climb in CLIMBS):
        answer = site.get(path)
        assert answer.status_code in (302, 400, 404), (path, answer.text[:300])
        assert "root:" not in answer.text, path


def test_a_path_in_an_id_of_the_api_leads_nowhere(desk):
    places = ["/tasks/{}", "/tasks/a/inputs/{}", "/devices/{}", "/config/{}"]
    for path in (f"/api/v1{place.format(climb)}" for place in places for climb in CLIMBS):
        answer = desk.get(path)
        assert answer.status_code in (400, 404) and "root:" not in answer.text, path


def test_no_folder_is_listed(site):
    for path in ("/dash-static/", "/dash-static", "/media/", "/media", "/-/static/"):
        answer = site.get(path)
        assert answer.status_code in (302, 403, 404) and "fresh.js" not in answer.text, path


def test_a_path_in_a_task_cannot_leave_its_storage(desk):
    parent = {"task_type": "CLEANUP_STORAGE", "video_id": "v", "task_id": "p"}
    assert desk.get("/api/v1/tasks", "POST", json=parent).status_code == 201
    for climb in ("../../etc/passwd", "/etc/passwd", "a/../../x", "..", "a\0b", "\\\\host\\share"):
        ref = {"device": "indoor_nas", "path": climb, "type": "video"}
        task = {"task_type": "INGEST_VIDEO", "video_id": "v", "inputs": [ref]}
        assert desk.get("/api/v1/tasks", "POST", json=task).status_code == 400, climb
        child = [{"task_type": "INGEST_VIDEO", "inputs": [ref]}]
        assert desk.get("/api/v1/tasks/p/complete", "POST", json=child).status_code == 400, climb
    assert not list(desk.library.spool.pending("INGEST_VIDEO"))


def test_an_input_that_a_damaged_share_lets_climb_is_not_sent(desk):
    from dashtools.model import FileRef, Task

    (desk.folder / "secret").write_text("secret")
    for number, path in enumerate(("../secret", str(desk.folder / "secret"))):
        desk.library.spool.publish(Task(f"t{number}", "TOY", "v", inputs=(FileRef("indoor_nas", path, "video"),)))
        assert desk.get(f"/api/v1/tasks/t{number}/inputs/0").status_code == 404


EVERY_TEXT = (
    ("UPDATE sightings SET clip = ?, position_note = ?, why = ?", (EVIL, EVIL, f'[{{"char": "{SCRIPT}"}}]')),
    ("UPDATE videos SET clip = ?, camera = ?, codec = ?, gps_note = ?, recorded_at_method = ?", (EVIL,) * 5),
    ("UPDATE tracks SET reason = ?, text = ?", (EVIL, EVIL)),
    ("UPDATE reads SET text = ?", (EVIL,)),
    ("UPDATE tasks SET clip = ?, error_message = ?, error_class = ?, worker = ?, condition = 'failed'", (EVIL,) * 4),
    ("UPDATE trips SET label = ?, camera = ?", (EVIL, EVIL)),
    ("UPDATE devices SET content = ?", (f'{{"device_id": "{SCRIPT}"}}',)),
)
PAGES = [
    "/",
    "/search?q=AB12",
    "/plate/AB12CDE",
    "/sighting/one-0a1b2c3d.t000",
    "/video/one-0a1b2c3d",
    "/trips",
    "/queue",
]


def test_no_text_of_cameras_clips_plates_or_errors_becomes_markup(desk):
    change_index(desk, *EVERY_TEXT)
    for page in [*PAGES, "/devices", "/storage", "/dash/sightings", "/dash/videos", "/dash/tasks"]:
        answer = desk.get(page)
        assert answer.status_code == 200, (page, answer.text[:500])
        assert "<script>alert" not in answer.text and "<img src=x" not in answer.text, page
        assert "script-src 'self'" in answer.headers["content-security-policy"], page


def test_what_is_searched_for_does_not_become_markup(site):
    page = site.get("/search", params={"q": EVIL}).text
    assert "<script>alert" not in page and "<img src=x" not in page


INJECTIONS = [
    "'",
    "' OR 1=1 --",
    '"',
    "%",
    "_",
    "'; DROP TABLE plates; --",
    "AB* OR NEAR(x",
    "a\0b",
    "(",
    "plate:*",
    "^",
]


def test_sql_in_a_search_is_only_text(site):
    before = site.rows("SELECT count(*) FROM plates")
    names = ["q", "camera", "trip", "since", "min_confidence", "channel", "sort", "page"]
    for name, text in ((name, text) for name in names for text in INJECTIONS):
        answer = site.get("/search", params={"q": "AB12*", name: text})
        assert answer.status_code in (200, 400), (name, text, answer.text[:300])
        assert "syntax error" not in answer.text and "OperationalError" not in answer.text, (name, text)
    assert site.rows("SELECT count(*) FROM plates") == before


@pytest.mark.parametrize("sql", ["DROP TABLE plates", "ATTACH '/etc/passwd' AS x", "INSERT INTO meta VALUES (1, 2)"])
def test_the_console_writes_nothing_and_is_for_admins(site, sql):
    tokens = site.options["tokens"] = Tokens(site.folder / "local" / "tokens.json")
    reader, admin = ({"authorization": f"Bearer {tokens.add(scope, scope)}"} for scope in ("read", "admin"))
    for path in (f"/dash?sql={sql}", f"/dash.json?sql={sql}"):
        assert site.get(path, headers=reader).status_code in (400, 403)
        assert site.get(path, headers=admin).status_code in (400, 403)
    assert site.get("/dash.json?sql=select+1", headers=reader).status_code == 403
    assert site.get("/dash/plates.json?_where=1=1", headers=reader).status_code == 403
    assert site.get("/dash.json?sql=select+1", headers=admin).status_code == 200
    assert site.rows("SELECT count(*) FROM plates")


def test_a_query_that_never_ends_is_ended(site, monkeypatch):
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    site.datasette._settings["sql_time_limit_ms"] = 50
    assert site.get("/dash.json", params={"sql": endless}).status_code == 400


@pytest.mark.parametrize("path", ["/-/databases.json", "/-/plugins.json", "/-/threads.json", "/-/metadata"])
def test_what_the_server_is_made_of_is_not_for_readers(site, path):
    tokens = site.options["tokens"] = Tokens(site.folder / "local" / "tokens.json")
    reader = {"authorization": f"Bearer {tokens.add('a', 'read')}"}
    answer = site.get(path, headers=reader)
    assert answer.status_code == 403 and str(site.folder) not in answer.text


@pytest.mark.parametrize("path", ["/queue/requeue", "/login", "/logout", "/dash", "/", "/-/permissions"])
def test_an_oversized_or_strange_form_is_refused_before_it_is_read(site, path):
    big = site.get(path, "POST", content=b"x" * (2 << 20))
    assert big.status_code == 413
    kind = {"content-type": "multipart/form-data"}
    assert site.get(path, "POST", content=b"x", headers={**kind, "cookie": "a=b"}).status_code == 415


def test_an_answer_to_an_unknown_host_name_tells_nothing(site):
    answer = site.get("/", headers={"host": "evil.example"})
    assert answer.status_code == 421 and "AB12" not in answer.text


def test_no_page_makes_the_server_or_the_browser_ask_elsewhere(desk):
    for page in PAGES:
        policy = desk.get(page).headers["content-security-policy"]
        assert "http:" not in policy and "https:" not in policy and "*" not in policy, page
        assert not re.search(r'(src|href|action)="(https?:)?//', desk.get(page).text), page


@pytest.mark.parametrize("name", [f"{SCRIPT}.mp4", "a&b.mp4", '"quoted".mp4', "../../up.mp4", "new\nline.mp4"])
def test_a_clip_s_name_cannot_break_out_of_a_gpx(name):
    from dashtools.model import Fix, Track
    from dashtools.stages.gpx import to_gpx

    fixes = (Fix(0, True, 51.5, -0.1), Fix(1000, True, 51.6, -0.1))
    text = to_gpx(Track("x", fixes), name, None)
    tree = ElementTree.fromstring(text)
    assert not [element for element in tree.iter() if element.tag.endswith("script")]
