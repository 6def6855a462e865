"""People say things on our pages: it is kept in the spool, shown at once, and outlives the index."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from dashtools.spool import notes
from dashtools.web.tokens import Tokens

SIGHTING = "/sighting/one-0a1b2c3d.t000"
KIND = {"content-type": "application/x-www-form-urlencoded"}


def opened(site, path, **headers):
    """The token of a page's form, and the cookie that came with it."""
    page = site.get(path, headers=headers)
    (token,) = set(re.findall(r'name="csrftoken" value="([^"]*)"', page.text))
    return token, {"cookie": page.headers["set-cookie"].partition(";")[0], **KIND, **headers}


def say(site, path, subject, **fields):
    token, headers = opened(site, path)
    content = urlencode({"csrftoken": token, "subject": subject, **fields})
    return site.get("/notes", "POST", content=content, headers=headers)


def correct(site, text):
    return say(site, SIGHTING, "sighting:one-0a1b2c3d.t000", correction=text)


def test_a_correction_is_shown_searched_and_grouped_and_the_read_stays_beside_it(desk):
    answer = correct(desk, "ab12 cdf")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{SIGHTING}#notes")
    page = desk.get(SIGHTING).text
    assert 'href="/plate/AB12CDF">AB12CDF</a>' in page and 'read as <span class="mono">AB12CDE</span>' in page
    assert "Why AB12CDE" in page
    assert desk.get("/plate/AB12CDF").status_code == 200 and desk.get("/plate/AB12CDE").status_code == 404
    assert "exactly this" in desk.get("/search?q=AB12CDF").text
    assert [note.of for note in notes.said(desk.library.spool)] == ["AB12CDE"]


def test_a_correction_survives_the_loss_of_the_index(desk):
    correct(desk, "AB12CDF")
    for path in desk.library.db.parent.glob("index*"):
        path.unlink()
    desk.refresh()
    assert "AB12CDF" in desk.get(SIGHTING).text and desk.get("/plate/AB12CDF").status_code == 200


def test_an_emptied_correction_gives_the_read_again(desk):
    correct(desk, "AB12CDF")
    correct(desk, "")
    assert desk.get("/plate/AB12CDE").status_code == 200
    assert [note.value for note in notes.said(desk.library.spool)] == ["AB12CDF", None]


def test_saving_a_form_that_was_not_changed_says_nothing(desk):
    assert correct(desk, "AB12CDE").status_code == 303
    say(desk, "/plate/XY99ZZZ", "plate:XY99ZZZ", list="", tags="", note="")
    assert list(notes.said(desk.library.spool)) == []


def test_list_tags_and_note_of_a_plate_are_kept_and_shown(desk):
    say(desk, "/plate/AB12CDE", "plate:AB12CDE", list="watch", tags=" taxi, blue ,taxi", note="parks at\r\nthe corner")
    page = desk.get("/plate/AB12CDE").text
    assert 'class="tag on-watch">watch<' in page and "parks at\nthe corner" in page
    assert 'href="/search?tag=blue"' in page and page.count("3 changes") == 1
    assert notes.listed(notes.said(desk.library.spool), "watch") == ["AB12CDE"]
    assert "AB12CDE" in desk.get("/search?tag=taxi").text and "XY99ZZZ" not in desk.get("/search?list=watch").text


def test_an_ignored_plate_is_not_on_the_home_page(desk):
    say(desk, "/plate/AB12CDE", "plate:AB12CDE", list="ignore")
    assert "/sighting/one-0a1b2c3d.t000" not in desk.get("/").text
    assert "AB12CDE" in desk.get("/search?q=AB12CDE").text


@pytest.mark.parametrize(
    "subject", ["house:1", "plate:../x", "//evil.example:x", "sighting:none.t000", "video:none", "trip:none", ""]
)
def test_a_note_about_nothing_is_refused(desk, subject):
    assert say(desk, "/plate/AB12CDE", subject, note="x").status_code == 400
    assert list(notes.said(desk.library.spool)) == []


@pytest.mark.parametrize("fields", [{"correction": "!!!"}, {"list": "loved"}, {"note": "x" * 5000}])
def test_nonsense_is_refused(desk, fields):
    path, subject = (SIGHTING, "sighting:one-0a1b2c3d.t000") if "correction" in fields else ("/plate/AB12CDE",) * 2
    subject = subject if subject.startswith("sighting") else "plate:AB12CDE"
    assert say(desk, path, subject, **fields).status_code == 400


def test_what_is_said_is_escaped(desk):
    say(desk, "/plate/AB12CDE", "plate:AB12CDE", note="<script>alert(1)</script>", tags='"><b>')
    page = desk.get("/plate/AB12CDE").text
    assert "<script>alert" not in page and '"><b>' not in page


def test_a_form_without_the_pages_token_is_refused(desk):
    _, headers = opened(desk, SIGHTING)
    content = urlencode({"csrftoken": "x", "subject": "plate:AB12CDE", "note": "x"})
    assert desk.get("/notes", "POST", content=content, headers=headers).status_code == 403
    assert desk.get("/notes").status_code == 405


def test_a_reader_sees_what_is_said_and_no_form(desk):
    say(desk, "/plate/AB12CDE", "plate:AB12CDE", note="parks at the corner")
    tokens = desk.options["tokens"] = Tokens(desk.folder / "local" / "tokens.json")
    reader, worker = ({"authorization": f"Bearer {tokens.add(s, s)}"} for s in ("read", "work"))
    desk._datasette = None
    page = desk.get("/plate/AB12CDE", headers=reader).text
    assert "parks at the corner" in page and 'action="/notes"' not in page
    token, headers = opened(desk, "/plate/AB12CDE", **worker)
    content = urlencode({"csrftoken": token, "subject": "plate:AB12CDE", "note": "y"})
    assert desk.get("/notes", "POST", content=content, headers={**headers, **reader}).status_code == 403
    assert desk.get("/notes", "POST", content=content, headers=headers).status_code == 303
    assert [note.by for note in notes.said(desk.library.spool)] == ["local", "work"]
