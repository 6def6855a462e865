"""docs/VIOLATIONS.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "VIOLATIONS.md").read_text())))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda part: part.rpartition("/")[2])
def test_each_breach_is_held_by_a_test_that_exists(path, name):
    text = (ROOT / path).read_text()
    assert not name or f"def {name}(" in text
