"""Two watchers of one folder and one spool publish each clip once: a share of tests/benchmarks/two_watchers.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "two_watchers.py"


def test_three_hundred_clips_and_their_copies_are_tasks_exactly_once():
    done = subprocess.run([sys.executable, str(SCRIPT), "300"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert (said["tasks"], said["more_than_once"], said["missing"]) == (300, 0, 0)
    assert sum(said["published_by_each"]) == 300
