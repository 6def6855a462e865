"""A library with a spool, an index, files on storages, and a Datasette over it."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import pytest

if importlib.util.find_spec("datasette") is None:
    collect_ignore_glob = ["test_*.py"]


def _index_fixtures() -> Any:
    """The library of the index tests: the same spool, driven the same way."""
    path = Path(__file__).resolve().parents[1] / "index" / "conftest.py"
    spec = importlib.util.spec_from_file_location("index_library", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Library = _index_fixtures().Library
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8ffff3f0005fe02fea135819f0000000049454e44ae426082"
)


class Site:
    """A library with its storages and pages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.library = Library(folder / "spool", folder / "local" / "index.db")
        self.roots = {name: folder / name for name in ("footage", "indoor_nas", "shed_nas")}
        for root in self.roots.values():
            root.mkdir()
        self.options: dict[str, Any] = {}
        self._datasette: Any = None

    def refresh(self) -> None:
        from dashtools.index.refresh import refresh

        refresh(self.library.root, self.library.db)

    def fill(self) -> None:
        """Puts a file where each artifact should lie."""
        for storage, path in self.rows("SELECT storage, path FROM artifacts"):
            target = self.roots[storage] / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(PNG if path.endswith((".png", ".jpg")) else bytes(range(256)) * 16)

    def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        from dashtools.index import store

        connection = store.open_reading(self.library.db)
        try:
            return [tuple(row) for row in connection.execute(sql, values)]
        finally:
            connection.close()

    @property
    def datasette(self) -> Any:
        from dashtools.web.server import WebSettings, make_datasette

        if self._datasette is None:
            self._datasette = make_datasette(WebSettings(self.library.db, self.roots, **self.options))
        return self._datasette

    def restart(self) -> None:
        """Options that were changed count from the next request on."""
        self._datasette = None

    def get(self, path: str, method: str = "GET", **options: Any) -> Any:
        """The answer to a request, in this process."""

        async def ask() -> Any:
            return await self.datasette.client.request(method, path, **options)

        return asyncio.run(ask())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Two clips, one of them with a position and a time, fully worked."""
    site = Site(tmp_path)
    site.library.add("one.mp4", recorded_at="2024-01-15T14:25:00Z", plates=["AB12CDE", "XY99ZZZ"])
    site.library.add("two.mp4", plates=["A812CDE"])
    site.library.work()
    site.refresh()
    site.fill()
    return site


@pytest.fixture
def desk(site: Site) -> Site:
    """The same library, with the API over its spool, a configuration, and storages to write to."""
    from dashtools.web.api_settings import ApiSettings, Stale

    kept: dict[str, Any] = {"document": {"global": {"lease_seconds": 180}}, "version": "1"}

    def write(update: dict[str, Any], expected: str | None) -> bool:
        from dashtools.errors import BadConfig

        if expected not in (None, kept["version"]):
            raise Stale
        if "globle" in update:
            raise BadConfig("globle: unknown key; did you mean global?")
        kept["document"], kept["version"] = {**kept["document"], **update}, str(int(kept["version"]) + 1)
        return True

    site.options["api"] = ApiSettings(
        site.library.root,
        lease_s=60.0,
        read_config=lambda: (kept["document"], kept["version"]),
        write_config=write,
        output_folder=lambda kind: ("indoor_nas", site.roots["indoor_nas"], kind),
    )
    return site
