"""In headless Chromium: search a plate, open it, see the crop, play the clip from that second."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOWN = """
const row = document.querySelector('#reads tr.now'), box = document.querySelector('#boxes rect');
return [row && row.dataset.ptsMs, box && Math.round(Number(box.getAttribute('x')))];
"""
BRIGHTNESS = """
const video = document.querySelector('video'), canvas = document.createElement('canvas');
canvas.width = 64; canvas.height = 36;
const context = canvas.getContext('2d');
context.drawImage(video, 0, 0, 64, 36);
const pixels = context.getImageData(0, 0, 64, 36).data;
let sum = 0;
for (let k = 0; k < pixels.length; k += 4) sum += pixels[k] + pixels[k + 1] + pixels[k + 2];
return sum / (64 * 36 * 3);
"""
IS_READY = "return document.querySelector('video').readyState >= 2"
NOW_S = "return document.querySelector('video').currentTime"


def test_a_searched_plate_is_opened_shown_and_played_from_its_second(pages):
    plate = pages.town.drives[1].plate
    pages.open()
    box = pages.first("#q")
    box.send_keys(plate[:4].lower() + "?" + plate[5:].lower())
    box.submit()
    pages.follow(".match")
    assert pages.first("h1 .plate").text == plate
    pages.follow(".cards .card")
    crop = pages.first(".bigcrop img")
    pages.until(lambda: pages.run("return arguments[0].naturalWidth", crop) > 0)
    pages.until(lambda: pages.run(IS_READY))
    started_s = pages.run(NOW_S)
    assert abs(started_s - pages.town.drives[1].seen[plate][0][0] / 10) <= 0.3
    assert pages.run(BRIGHTNESS) > 20
    pages.run("document.querySelector('video').play()")
    pages.until(lambda: pages.run(NOW_S) > started_s + 0.3)
    assert pages.run(BRIGHTNESS) > 20
    assert "km/h" in pages.first("#overlay").text


def _open_sighting(pages) -> None:
    plate = pages.town.drives[0].plate
    pages.open(f"plate/{plate}")
    pages.follow(".cards .card")
    pages.until(lambda: pages.run(IS_READY))
    pages.run("document.querySelector('#reads').closest('details').open = true")


def test_a_click_on_a_read_seeks_there_and_draws_its_box(pages):
    _open_sighting(pages)
    number, box = pages.town.drives[0].seen[pages.town.drives[0].plate][5]
    pages.first(f'#reads [data-seek-ms="{number * 100}"]').click()
    # asked for in one script: each drawn frame makes a new rectangle
    pages.until(lambda: pages.run(SHOWN) == [str(number * 100), round(box[0] - 4)])


def test_frame_keys_step_and_the_map_follows(pages):
    _open_sighting(pages)
    before = pages.run(NOW_S)
    pages.first("[data-step='1']").click()
    pages.until(lambda: abs(pages.run(NOW_S) - before - 0.1) < 0.02)
    pages.until(lambda: pages.run("return !document.querySelector('.pin.now').hasAttribute('hidden')"))


def test_every_read_is_cut_out_of_the_clip_when_asked(pages):
    _open_sighting(pages)
    pages.first("#cut").click()
    pages.until(lambda: "cut from the copy" in pages.first("#cut-said").text)
    assert len(pages.all("td.cut canvas")) == len(pages.all("#reads tbody tr"))


def test_a_box_on_the_map_is_a_search(pages):
    from selenium.webdriver import ActionChains

    pages.open("search")
    pages.first("[data-map=box]").click()
    canvas = pages.first(".canvas")
    pages.run("arguments[0].scrollIntoView({block: 'center'})", canvas)
    before = pages.first("html").id
    ActionChains(pages.driver).move_to_element_with_offset(canvas, -300, -180).click_and_hold().move_by_offset(
        300, 180
    ).move_by_offset(290, 170).release().perform()
    pages.until(lambda: pages.first("html").id != before and "bbox=" in pages.driver.current_url)
    assert pages.all(".match") and pages.first("#bbox").get_attribute("value").count(",") == 3
