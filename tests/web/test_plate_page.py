"""A plate's page: when, where, on which trips, against how common that is."""

from __future__ import annotations

from dataclasses import replace

from dashtools.index.views import Card
from dashtools.web.plate_page import time_line

CARD = Card("s", "v", "c", "AB12CDE", 0.9, 2, 0, 0, None, None, None, None, None, None)


def test_a_plate_met_on_several_trips_says_so_with_the_base_rate(site):
    for day in (16, 17):
        site.library.add(f"day{day}.mp4", recorded_at=f"2024-01-{day}T08:00:00Z", plates=["AB12CDE"])
    site.library.work()
    site.refresh()
    text = " ".join(site.get("/plate/AB12CDE").text.split())
    assert "Seen on <strong>3</strong> of your 4 trips, on 3 days, in 1 place " in text
    assert "no other of the 3 plates here was seen on as many days" in text
    assert text.count('class="timeline"') == 1 and "Seen</dt><dd>3 times in 3 clips" in text


def test_a_plate_seen_once_has_its_base_rate_and_no_time_line(site):
    text = " ".join(site.get("/plate/AB12CDE").text.split())
    assert "2 of the 3 plates here (67 %) were seen on as many days or more" in text
    assert 'class="timeline"' not in text


def test_the_time_line_is_to_scale():
    cards = [replace(CARD, seen_at=f"2024-01-0{day}T00:00:00.000Z") for day in (1, 2, 5)]
    assert [moment.x for moment in time_line([*cards, CARD])] == [0.0, 250.0, 1000.0]
