"""Real footage behind the pages: the clip as the camera left it plays, its route is drawn, and the dot follows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.realdata]
ROOT = Path(__file__).resolve().parents[3]
CLIP = "gps/karma.mp4"  # 12 s of a GoPro with its GPS


@pytest.fixture
def real(tmp_path, realdata, chromium):
    """A library of one real clip that was taken in, served; gives its URL."""
    folder = tmp_path / "footage"
    folder.mkdir()
    shutil.copy(realdata / CLIP, folder)
    environ = {**os.environ, "DASHTOOLS_DATA": str(tmp_path / "state"), "DASHTOOLS_SPOOL": str(tmp_path / "spool")}

    def command(name, *words):
        return [sys.executable, str(ROOT / "bin" / name), *words]

    for words in (("dc-doctor", "--init"), ("dc-ingest", str(folder))):
        subprocess.run(command(*words), env=environ, check=True, stdout=subprocess.DEVNULL, timeout=300)
    process = subprocess.Popen(command("dc-web", "--port", "0"), env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait(timeout=60)


def test_a_real_clip_plays_with_its_route_and_speed(real, pages_of):
    pages = pages_of(real)
    pages.open("trips")
    pages.follow("tbody tr a")
    front = pages.first("video[data-lane=front]")
    pages.until(lambda: pages.run("return arguments[0].readyState >= 2", front))
    pages.run("arguments[0].currentTime = 5", front)
    pages.until(lambda: "km/h" in pages.first("#overlay").text)
    assert pages.all("polyline.route") and pages.run("return document.querySelector('.pin.now').dataset.x")
    assert (pages.outside(), pages.complaints()) == ([], [])
