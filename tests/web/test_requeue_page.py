"""Requeue from the queue page: a dry run first, only from our own pages, only with the right to."""

from __future__ import annotations

import re

import pytest

from dashtools.web.tokens import Tokens


@pytest.fixture
def failed(desk):
    for name, size in (("bad1.mp4", 100), ("bad2.mp4", 2000)):
        desk.library.add(name)
        desk.library.finish(desk.library.claim(), fails=f"{name}: no moov box, the file ends at {size}")
    desk.library.add("other.mp4")
    desk.library.finish(desk.library.claim(), fails="other.mp4: encrypted")
    desk.refresh()
    return desk


def fields_of(text, button):
    """The hidden fields of the form that holds a button."""
    (form,) = [form for form in re.findall(r"<form method.*?</form>", text, re.S) if button in form]
    return re.findall(r'name="([^"]*)" value="([^"]*)"', form)


def opened(site, **headers):
    """The queue page's form for the group of two, and the cookie that came with it."""
    page = site.get("/queue", headers=headers)
    return fields_of(page.text, "Requeue 2"), {"cookie": page.headers["set-cookie"].partition(";")[0], **headers}


def post(site, fields, headers):
    content = "&".join(f"{name}={value.replace(' ', '+').replace('#', '%23')}" for name, value in fields)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    return site.get("/queue/requeue", "POST", content=content, headers={**kind, **headers})


def test_the_first_post_only_shows_and_the_second_moves_the_files(failed):
    fields, headers = opened(failed)
    shown = post(failed, fields, headers)
    assert shown.status_code == 200 and "bad1.mp4" in shown.text and "bad2.mp4" in shown.text
    assert "other.mp4" not in shown.text
    assert not list(failed.library.spool.pending())
    moved = post(failed, fields_of(shown.text, "Put 2 back"), headers)
    assert (moved.status_code, moved.headers["location"]) == (303, "/queue?moved=2&of=2")
    assert [entry.state for entry in failed.library.spool.pending()] == ["ready", "ready"]
    assert [e.state for e in failed.library.spool.completed()].count("failed") == 1
    assert "2 of 2 tasks went back" in failed.get(moved.headers["location"]).text


def test_pressing_the_button_twice_moves_each_task_once(failed):
    fields, headers = opened(failed)
    again = fields_of(post(failed, fields, headers).text, "Put 2 back")
    answers = [post(failed, again, headers).headers["location"] for _ in range(2)]
    assert answers == ["/queue?moved=2&of=2", "/queue?moved=0&of=2"]


@pytest.mark.parametrize("with_cookie", [True, False], ids=["wrong token", "no cookie"])
def test_a_form_that_is_not_ours_is_refused(failed, with_cookie):
    fields, headers = opened(failed)
    wrong = [(name, "x" if with_cookie and name == "csrftoken" else value) for name, value in fields]
    answer = post(failed, [*wrong, ("go", "1"), ("task_id", "x")], headers if with_cookie else {})
    assert answer.status_code == 403
    assert not list(failed.library.spool.pending())


def test_a_foreign_page_cannot_send_the_form_even_with_cookie_and_token(failed):
    fields, headers = opened(failed)
    assert post(failed, fields, {**headers, "origin": "https://evil.example"}).status_code == 403


def test_a_reader_sees_no_button_and_is_refused(failed):
    tokens = failed.options["tokens"] = Tokens(failed.folder / "local" / "tokens.json")
    reader, admin = ({"authorization": f"Bearer {tokens.add(s, s)}"} for s in ("read", "admin"))
    assert "/queue/requeue" not in failed.get("/queue", headers=reader).text
    fields, headers = opened(failed, **admin)
    assert post(failed, fields, {**headers, **reader}).status_code == 403
    assert post(failed, fields, headers).status_code == 200


def test_a_huge_form_is_refused_before_it_is_read(failed):
    assert failed.get("/queue/requeue", "POST", content=b"x" * (2 << 20)).status_code == 413


def test_get_is_not_enough(failed):
    assert failed.get("/queue/requeue").status_code == 405
