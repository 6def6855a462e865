"""In headless Chromium: search a plate, open it, see the crop, play the clip from that second."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dashtools.config_files import state_dir_of

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
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
    "--window-size=1280,900",
]
PATHS = ["", "search", "plate/AB12CDE", "trips", "queue", "video/one-0a1b2c3d", "sighting/one-0a1b2c3d.t001"]
TABLES = ["dash", "dash/sightings", "dash?sql=select+1"]
SHOWN = """
const row = document.querySelector('#reads tr.now'), box = document.querySelector('#boxes rect');
return [row && row.dataset.ptsMs, box && box.getAttribute('x')];
"""
DRAWN = """
const video = document.querySelector('video'), canvas = document.createElement('canvas');
canvas.width = 64; canvas.height = 36;
const context = canvas.getContext('2d');
context.drawImage(video, 0, 0, 64, 36);
const pixels = context.getImageData(0, 0, 64, 36).data;
let sum = 0;
for (let k = 0; k < pixels.length; k += 4) sum += pixels[k] + pixels[k + 1] + pixels[k + 2];
return sum / (64 * 36 * 3);
"""


def needs_browser() -> str | None:
    """Why there is no browser to drive; None when there is one."""
    if importlib.util.find_spec("selenium") is None:
        return "selenium is not installed"
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return "PyAV is not installed" if importlib.util.find_spec("av") is None else None


def write_clip(path: Path, seconds: int = 12) -> None:
    """An H.264 clip in which a bright bar moves over a grey ground."""
    import av
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for index in range(seconds * 25):
            picture = np.full((360, 640, 3), 90, np.uint8)
            left = (index * 2) % 600
            picture[:, left : left + 40] = (240, 200, 60)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def write_crop(path: Path) -> None:
    """A picture of the size of a plate."""
    import cv2
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((48, 160, 3), 230, np.uint8)
    cv2.putText(picture, "AB12 CDE", (8, 34), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (30, 30, 30), 2)
    assert cv2.imwrite(str(path), picture)


@pytest.fixture
def served(site, tmp_path):
    """The site behind a real dc-web process; gives its URL."""
    environ = {**os.environ, "DASHTOOLS_DATA": str(tmp_path / "state"), "PYTHONPATH": str(ROOT)}
    state = state_dir_of(site.library.root, environ)
    for storage, path in site.rows("SELECT storage, path FROM artifacts WHERE storage <> 'footage'"):
        target = state / storage / path
        if path.endswith(".mp4"):
            write_clip(target)
        elif path.endswith((".jpg", ".png")):
            write_crop(target)
    command = [sys.executable, "-c", START, "--spool", str(site.library.root), "--port", "0"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    url = process.stdout.readline().strip()
    yield url
    process.terminate()
    process.wait(timeout=20)


@pytest.fixture
def browser(tmp_path):
    reason = needs_browser()
    if reason:
        pytest.skip(reason)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def wait_until(browser, question, seconds: float = 15):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, seconds, poll_frequency=0.05).until(question)


def requested(browser) -> list[str]:
    """Every address that the pages asked for."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if urlsplit(url).scheme not in ("data", "blob", "chrome")]


def complaints(browser) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def test_a_searched_plate_is_opened_shown_and_played_from_its_second(served, browser):
    from selenium.webdriver.common.by import By

    browser.get(served)
    box = browser.find_element(By.NAME, "q")
    box.send_keys("ab12?de")
    box.submit()
    wait_until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, ".match"))[0].click()
    wait_until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, ".card"))[0].click()
    crop = wait_until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, ".bigcrop img"))[0]
    wait_until(browser, lambda b: b.execute_script("return arguments[0].naturalWidth", crop) > 0)
    wait_until(
        browser, lambda b: b.execute_script("const v = document.querySelector('video'); return v.readyState >= 2")
    )
    started_s = browser.execute_script("return document.querySelector('video').currentTime")
    assert abs(started_s - 2.0) <= 0.3
    assert browser.execute_script(DRAWN) > 40
    browser.execute_script("document.querySelector('video').play()")
    wait_until(
        browser, lambda b: b.execute_script("return document.querySelector('video').currentTime") > started_s + 0.3
    )
    assert browser.execute_script(DRAWN) > 40
    outside = [url for url in requested(browser) if not url.startswith(served)]
    assert (outside, complaints(browser)) == ([], [])


def test_a_click_on_a_read_seeks_there_and_draws_its_box(served, browser):
    from selenium.webdriver.common.by import By

    browser.get(f"{served}sighting/one-0a1b2c3d.t000")
    wait_until(browser, lambda b: b.execute_script("return document.querySelector('video').readyState >= 2"))
    browser.find_element(By.CSS_SELECTOR, '#reads [data-seek-ms="3000"]').click()
    wait_until(
        browser,
        lambda b: b.execute_script(
            "const v = document.querySelector('video'); return !v.seeking && v.currentTime == 3"
        ),
    )
    # asked for in one script: each drawn frame makes a new rectangle
    wait_until(browser, lambda b: b.execute_script(SHOWN) == ["3000", "6"])


@pytest.mark.parametrize("path", [*PATHS, *TABLES])
@pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])
def test_each_page_fits_its_window_and_says_nothing_to_the_console(served, browser, path, width):
    browser.set_window_size(width, 900)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.get(f"{served}{path}")
    wait_until(browser, lambda b: b.execute_script("return document.readyState") == "complete")
    if path not in TABLES:  # Datasette's own
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert complaints(browser) == []
    folder = os.environ.get("DASHTOOLS_SCREENSHOTS")
    if folder:
        name = f"{path.replace('/', '-') or 'home'}-{width}.png"
        shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        (Path(folder) / name).write_bytes(base64.b64decode(shot["data"]))
