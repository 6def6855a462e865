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
