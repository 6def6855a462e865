"""Every page, light and dark, wide and narrow: it fits, is silent, stays at home, and can be used without eyes."""

from __future__ import annotations

import base64
import importlib.util
import os
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PICTURES = os.environ.get("DASHTOOLS_SCREENSHOTS")
LOOKS = [(1280, "light"), (390, "dark"), *([(1280, "dark"), (390, "light")] if PICTURES else [])]
TABLES = ["dash", "dash/sightings", "dash?sql=select+1"]
AXE = """
const done = arguments[arguments.length - 1];
const told = (violation) => [violation.id, violation.impact, violation.nodes.map((node) => node.target.join(" "))];
axe.run(document, { resultTypes: ["violations"] }).then(
  (found) => done(found.violations.map(told)), (error) => done([["axe", String(error), []]]));
"""


def paths_of(pages) -> dict[str, str]:
    """Every page by a name for its picture."""
    plate = pages.town.drives[0].plate
    video_id = next(iter(pages.town.clips))
    pages.open("trips")
    trip = pages.first("tbody tr:last-child a").get_attribute("href").removeprefix(pages.url)
    own = {"home": "", "search": f"search?q={plate[:-1]}8", "conditions": "search?bbox=16,48,17,49&confidence=50"}
    own |= {"plate": f"plate/{plate}", "sighting": f"sighting/{video_id}.t002", "video": f"video/{video_id}"}
    return {
        **own,
        "trips": "trips",
        "trip": trip,
        "queue": "queue",
        "devices": "devices",
        "storage": "storage?report=1",
    }


@pytest.mark.parametrize(("width", "theme"), LOOKS, ids=[f"{width}-{theme}" for width, theme in LOOKS])
def test_each_page_fits_and_is_accessible(pages, width, theme):
    axe = axe_source()
    for name, path in paths_of(pages).items():
        pages.open(path, width=width, theme=theme)
        assert pages.run("return document.documentElement.scrollWidth") <= width, name
        if axe is not None:
            pages.run(axe)
            found = pages.driver.execute_async_script(AXE)
            assert [v for v in found if v[1] in ("serious", "critical") or v[0] == "axe"] == [], name
        shoot(pages, f"{name}-{theme}-{'phone' if width < 600 else 'desktop'}")


def test_the_tables_of_datasette_say_nothing_to_the_console(pages):
    for path in TABLES:
        pages.open(path)


def test_keys_search_move_through_a_list_and_tell_about_themselves(pages):
    from selenium.webdriver.common.keys import Keys

    pages.open()
    body = pages.first("body")
    body.send_keys("j")
    first = pages.run("return document.activeElement.className")
    body.send_keys("?")
    assert first == "card" and pages.run("return document.querySelector('#keys').open")
    pages.first("#keys").send_keys(Keys.ESCAPE)
    pages.first("body").send_keys("/")
    assert pages.run("return document.activeElement.id") == "q"


def test_the_chosen_theme_stays(pages):
    pages.open()
    pages.first("#theme").click()
    pages.open("trips")
    assert pages.run("return document.documentElement.dataset.theme") == "dark"
    pages.run("localStorage.removeItem('theme')")


def axe_source() -> str | None:
    """axe-core as text; None where it is not installed."""
    found = importlib.util.find_spec("axe_core_python")
    if found is None or found.origin is None:
        return None
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def shoot(pages, name: str) -> None:
    """A picture of the whole page, for people, where DASHTOOLS_SCREENSHOTS names a folder."""
    if PICTURES:
        asked = {"format": "png", "captureBeyondViewport": True}
        shot = pages.driver.execute_cdp_cmd("Page.captureScreenshot", asked)
        (Path(PICTURES) / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))
