"""What is changed on a page: a correction that outlives the index, failed tasks that go back into the queue."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_correction_is_shown_at_once_and_survives_the_loss_of_the_index(pages):
    rare = min(pages.town.drives[2].seen, key=lambda text: len(pages.town.drives[2].seen[text]))
    pages.open(f"plate/{rare}")
    pages.follow(".cards .card")
    sighting = pages.driver.current_url.removeprefix(pages.url)
    field = pages.first("#correction")
    field.clear()
    field.send_keys("zz11 top")
    pages.follow("#notes button[type=submit]")
    assert pages.first("h1 .plate").text == "ZZ11TOP" and f"read as {rare}" in pages.first("h1").text
    for path in pages.town.state.rglob("index*.db*"):
        path.unlink()

    def is_there_again() -> bool:
        pages.driver.get(f"{pages.url}{sighting}")
        found = pages.all("h1 .plate")
        return bool(found) and found[0].text == "ZZ11TOP"

    pages.until(is_there_again)
    pages.complaints()  # while there is no index, pages say so with an error
    pages.open("plate/ZZ11TOP")
    assert pages.all(".cards .card")


def test_requeue_from_the_page_moves_the_files_after_a_dry_run(pages):
    spool = pages.town.spool
    failed = [entry for entry in spool.completed() if entry.state == "failed"]
    assert len(failed) == 2
    pages.open("queue")
    pages.follow(".failures button")
    assert len(pages.all("input[name=task_id]")) == 2
    assert [e.path for e in spool.completed() if e.state == "failed"] == [e.path for e in failed]
    pages.follow("form button[type=submit]:not(.find button)")
    assert "2 of 2 tasks went back" in pages.first("[role=status]").text
    assert not [entry for entry in spool.completed() if entry.state == "failed"]
    ready = [entry.task_id for entry in spool.pending() if entry.state == "ready"]
    assert {entry.task_id for entry in failed} <= set(ready)


def test_a_live_page_renews_itself_and_leaves_scroll_and_selection_alone(pages):
    pages.open(height=300)
    pages.run("getSelection().selectAllChildren(document.querySelector('#live-trips h2')); scrollTo(0, 200)")
    clip = "2024_0121_080000_0099F.MP4"
    trips = pages.first("#live-trips").id
    pages.town.add(clip)
    pages.until(lambda: "waiting" in pages.first("#live-work").text)
    waiting = pages.first("#live-work strong + strong, #live-work strong:nth-of-type(2)").text
    pages.town.add("2024_0121_080100_0098F.MP4")
    pages.until(lambda: pages.first("#live-work strong:nth-of-type(2)").text != waiting)
    assert pages.run("return [scrollY, String(getSelection())]") == [200, "Trips"]
    assert pages.first("#live-trips").id == trips


def test_a_trip_plays_its_clips_one_after_the_other_and_the_views_side_by_side(pages):
    pages.open("trips")
    pages.run("document.querySelectorAll('tbody tr td:first-child a')[3].click()")
    front = pages.first("video[data-lane=front]")
    pages.until(lambda: pages.run("return arguments[0].readyState >= 2", front))
    first = front.get_attribute("src")
    pages.run("arguments[0].currentTime = arguments[0].duration - 0.4; arguments[0].play()", front)
    pages.until(
        lambda: front.get_attribute("src") != first and pages.run("return arguments[0].currentTime > 0.1", front)
    )
    assert "clip 2 of 3" in pages.first("#clock").text
    apart = "const [a, b] = document.querySelectorAll('video'); return Math.abs(a.currentTime - b.currentTime)"
    pages.until(lambda: pages.run(apart) < 0.5)
