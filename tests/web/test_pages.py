"""Every page is there, says what it should, and escapes what strangers wrote."""

from __future__ import annotations

import re

import pytest

ADHOC_SQL = "/dash?sql=select+1"
OURS = ["/", "/search", "/search?q=AB12*", "/plate/AB12CDE", "/sighting/one-0a1b2c3d.t000", "/video/one-0a1b2c3d"]
OURS += ["/search?bbox=19,51,21,53&confidence=50", "/devices", "/storage"]
PAGES = [*OURS, "/trips", "/queue", "/dash", "/dash/sightings", "/dash/plates", ADHOC_SQL]


def test_the_home_page_shows_the_newest_sighting_with_its_crop(site):
    page = site.get("/")
    assert page.status_code == 200
    (crop_id,) = re.findall(
        r'href="/sighting/one-0a1b2c3d\.t000">\s*<img class="crop" src="/media/([0-9a-f]+)"', page.text
    )
    assert site.get(f"/media/{crop_id}").content.startswith(b"\x89PNG")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_with_strict_headers_and_without_inline_script(site, path):
    page = site.get(path)
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<[a-z][^>]*\son\w+=", page.text)
    if not path.startswith("/dash"):
        assert not re.search(r"\sstyle=|<style", page.text)


@pytest.mark.parametrize("path", PAGES)
def test_no_page_names_an_asset_from_outside(site, path):
    loaded = re.findall(r'(?:src|poster)="([^"]*)"|<link rel="stylesheet" href="([^"]*)"', site.get(path).text)
    assert all(not (a or b).startswith(("http:", "https:", "//")) for a, b in loaded)


def test_search_says_why_each_plate_was_found(site):
    text = site.get("/search?q=ab12cde").text
    assert "exactly this" in text and "look-alikes: 8 for B" in text
    assert text.index("exactly this") < text.index("look-alikes: 8")


def test_a_sighting_page_has_the_clip_at_its_second_and_all_reads(site):
    text = site.get("/sighting/one-0a1b2c3d.t000").text
    assert re.search(r'<video[^>]+data-start-ms="2000" src="/media/[0-9a-f]{24}#t=2\.000"', text)
    assert text.count('data-seek-ms="2000"') == 2 and 'data-seek-ms="3000"' in text
    assert "52.00020° N, 20.00000° E" in text and "<polyline" in text


def test_a_sighting_without_a_position_says_why(site):
    lacking = {"latitude": None, "longitude": None, "position_note": "the receiver never had a fix"}
    site.library.add("blind.mp4", where=lacking, plates=["BL11NDD"])
    site.library.work()
    site.refresh()
    text = site.get("/sighting/blind-0a1b2c3d.t000").text
    assert "no position: the receiver never had a fix" in text and "time unknown" in text


def test_a_trip_lists_its_clips_in_order(site):
    ((trip_id,),) = site.rows("SELECT trip_id FROM trips WHERE started_at IS NOT NULL")
    text = site.get(f"/trip/{trip_id}").text
    assert "2024-01-15 14:25:00 UTC" in text and "one.mp4" in text and "two.mp4" not in text


def test_the_queue_groups_failures_by_reason(site):
    for name, size in (("bad1.mp4", 100), ("bad2.mp4", 2000)):
        site.library.add(name)
        site.library.finish(site.library.claim(), fails=f"{name}: no moov box, the file ends at {size}")
    site.refresh()
    text = site.get("/queue").text
    assert "2 × ingest" in text and text.count("no moov box") == 1


def test_the_page_of_a_failed_clip_says_what_is_wrong(site):
    video_id = site.library.add("bad.mp4")
    site.library.finish(site.library.claim(), fails="no moov box")
    site.refresh()
    assert "no moov box" in site.get(f"/video/{video_id}").text


def test_the_page_of_a_clip_says_what_of_it_was_removed_when_and_why(site):
    from dashtools.devices.pins import write_tombstone

    stone = {"policy": "raw_videos", "storage": "nas", "path": "raw/x.mp4", "removed_at": "2026-01-02T03:04:05Z"}
    video_id = site.rows("SELECT video_id FROM sightings LIMIT 1")[0][0]
    write_tombstone(site.library.spool, "ab12", {**stone, "video_id": video_id, "reason": "91 days old"})
    site.refresh()
    text = site.get(f"/video/{video_id}").text
    assert "<dt>Original</dt>" in text and "removed on" in text and "91 days old" in text


@pytest.mark.parametrize("path", ["/plate/NOBODY", "/sighting/none.t000", "/trip/none", "/video/none"])
def test_what_is_not_there_is_404_with_our_page(site, path):
    page = site.get(path)
    assert page.status_code == 404 and "Not found" in page.text


def test_names_and_reasons_of_strangers_are_escaped(site):
    evil = '<img src=x onerror=alert(1)>".mp4'
    video_id = "evil-0a1b2c3d"
    site.library.add("evil.mp4")
    site.library.clips[video_id] |= {"clip": evil, "camera": evil, "plates": ["EV11LLL"], "folder": evil}
    site.library.work()
    site.library.add("evil2.mp4")
    site.library.finish(site.library.claim(), fails=evil)
    site.refresh()
    ((trip_id,),) = site.rows("SELECT trip_id FROM videos WHERE video_id = ?", (video_id,))
    paths = ["/", "/search?q=EV", "/plate/EV11LLL", f"/sighting/{video_id}.t000", f"/video/{video_id}", "/trips"]
    for path in [*paths, f"/trip/{trip_id}", "/queue", "/dash/sightings", "/dash/videos", "/dash/tasks"]:
        assert "<img src=x" not in site.get(path).text, path


@pytest.mark.parametrize(
    "query", ["<script>alert(1)</script>", '"><b>', "%27%20OR%201=1", "%00", "*" * 200, "%F0%9F%9A%97"]
)
def test_a_search_text_is_escaped_and_never_an_error(site, query):
    page = site.get(f"/search?q={query}")
    assert page.status_code == 200
    assert "<script>alert" not in page.text and '"><b>' not in page.text


def test_other_methods_are_refused(site):
    for path in ("/", "/queue"):
        assert site.get(path, "DELETE").status_code in (403, 405)


def test_a_stranger_s_host_name_is_refused(site):
    assert site.get("/", headers={"host": "evil.example"}).status_code == 421
    assert site.get("/", headers={"host": "127.0.0.1:5000"}).status_code == 200


def test_the_sql_console_cannot_write(site):
    page = site.get("/dash.json?sql=delete+from+sightings")
    assert page.status_code == 400
    assert site.rows("SELECT count(*) FROM sightings") == [(3,)]


def test_visitors_do_not_see_local_paths(site):
    for path in ("/-/metadata.json", "/-/settings.json", "/-/plugins.json"):
        assert str(site.folder) not in site.get(path).text


def test_a_rebuilt_index_is_picked_up_by_the_running_pages(site):
    from dashtools.index.refresh import rebuild

    assert "KK11KKK" not in site.get("/").text
    site.library.add("new.mp4", plates=["KK11KKK"], recorded_at="2025-01-01T00:00:00Z")
    site.library.work()
    rebuild(site.library.root, site.library.db)
    rebuild(site.library.root, site.library.db)
    assert "KK11KKK" in site.get("/").text


def test_an_index_that_was_deleted_and_made_again_is_picked_up(site):
    assert site.get("/").status_code == 200
    site.library.db.unlink()
    site.library.add("new.mp4", plates=["KK11KKK"], recorded_at="2025-01-01T00:00:00Z")
    site.library.work()
    site.refresh()
    assert "KK11KKK" in site.get("/").text
