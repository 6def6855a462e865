"""One server over a synthetic library and one headless Chromium, shared by every test of this folder."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dashtools.config_files import state_dir_of

ROOT = Path(__file__).resolve().parents[3]
START = "import sys; from dashtools.commands._run import main; sys.argv[0] = 'dc-web'; main('web')"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--window-size=1280,900",
]
WAIT_S = 60.0  # the machine may be busy; nothing here depends on how fast it is


def needs_browser() -> str | None:
    """Why there is no browser to drive; None when there is one."""
    for module in ("selenium", "av", "cv2", "datasette"):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed"
    return next(
        (f"{name} is not installed" for name in ("chromium", "chromedriver") if shutil.which(name) is None), None
    )


def _town() -> Any:
    path = Path(__file__).with_name("town.py")
    spec = importlib.util.spec_from_file_location("browser_town", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Pages:
    """The town's pages in a browser."""

    def __init__(self, url: str, town: Any, driver: Any) -> None:
        self.url, self.town, self.driver = url, town, driver

    def open(self, path: str = "", *, width: int = 1280, height: int = 900, theme: str = "light") -> None:
        """A page, in a window of that size, in that theme, with nothing left over from the page before."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get(f"{self.url}{path}")
        self.until(lambda: self.run("return document.readyState") == "complete")

    def run(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    def all(self, selector: str) -> list[Any]:
        from selenium.webdriver.common.by import By

        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def until(self, question: Any) -> Any:
        """The first answer that is not empty; a page may be replaced while it is asked."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(
            self.driver, WAIT_S, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        return wait.until(lambda _: question())

    def first(self, selector: str) -> Any:
        return self.until(lambda: self.all(selector))[0]

    def follow(self, selector: str) -> None:
        """Clicks, and waits until another page is there."""
        before = self.first("html").id
        self.first(selector).click()
        self.until(lambda: self.first("html").id != before and self.run("return document.readyState") == "complete")

    def outside(self) -> list[str]:
        """Every address that was asked for since the last look and is not on this server."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        inside = ("data", "blob", "chrome")
        return [url for url in urls if urlsplit(url).scheme not in inside and not url.startswith(self.url)]

    def complaints(self) -> list[str]:
        """What the console said since the last look."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    """The town behind a real dc-web process: its URL and its library."""
    reason = needs_browser()
    if reason:
        pytest.skip(reason)
    from dashtools.index.refresh import refresh

    folder = tmp_path_factory.mktemp("town")
    environ = {**os.environ, "DASHTOOLS_DATA": str(folder / "state"), "PYTHONPATH": str(ROOT)}
    town = _town().Town(folder)
    town.state = state_dir_of(town.root, environ)
    refresh(town.root, town.db)
    town.fill(town.state)
    command = [sys.executable, "-c", START, "--spool", str(town.root), "--port", "0", "--refresh-every", "1"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    yield url, town
    process.terminate()
    process.wait(timeout=60)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Headless Chromium under chromedriver."""
    reason = needs_browser()
    if reason:
        pytest.skip(reason)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def pages_of(chromium: Any) -> Any:
    """The pages of another server, by its URL."""

    def opened(url: str) -> Pages:
        chromium.get("about:blank")
        found = Pages(url, None, chromium)
        found.outside(), found.complaints()
        return found

    return opened


@pytest.fixture
def pages(served: tuple[str, Any], chromium: Any) -> Iterator[Pages]:
    """The pages, with nothing noted yet; afterwards nothing may have left this machine or reached the console."""
    found = Pages(*served, chromium)
    chromium.get("about:blank")
    found.outside(), found.complaints()
    yield found
    assert (found.outside(), found.complaints()) == ([], [])
