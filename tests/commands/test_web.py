"""dc-web as a process: it says where it listens, keeps the index fresh, and ends well on a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from dashtools.spool.queue import Spool

pytest.importorskip("datasette")
ROOT = Path(__file__).resolve().parents[2]
START = "import sys; from dashtools.commands._run import main; sys.argv[0] = 'dc-web'; main('web')"


@pytest.fixture
def web(tmp_path):
    Spool.create(tmp_path / "spool")
    environ = {**os.environ, "DASHTOOLS_DATA": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", START, "--spool", str(tmp_path / "spool"), "--port", "0"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_it_prints_its_url_answers_and_ends_with_status_0(web, number):
    url = web.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert "Nothing here yet" in answer.read().decode()
    web.send_signal(number)
    _, errors = web.communicate(timeout=20)
    assert (web.returncode, errors) == (0, "")


def test_help_imports_no_web_server():
    code = f"import sys\nsys.argv=['dc-web','--help']\ntry:\n exec({START!r})\nexcept SystemExit: pass\n"
    code += "sys.exit(bool({'datasette','uvicorn','sqlite3'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
