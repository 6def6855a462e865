"""Fixtures that every room may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real footage; the test is skipped on a machine without it."""
    folder = Path(os.environ.get("DASHTOOLS_REALDATA", ROOT.parent / "shared" / "data"))
    if not (folder / "MANIFEST.md").is_file():
        pytest.skip(f"no real footage at {folder}")
    return folder


@pytest.fixture(scope="session")
def tiny_drive(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two synthetic clips of 3 s, 640x360, with GPS, a truth file beside each; not to be changed."""
    synth = pytest.importorskip("dashtools.backends.synth", exc_type=ImportError)
    plan = synth.Plan(clip_s=3, clips=2, fps=10, width=640, height=360, seed=7)
    return synth.make_drive(tmp_path_factory.mktemp("drive"), plan)
