"""Mutated containers are accepted or refused with a reason: a bounded share of tests/benchmarks/fuzz_containers.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "fuzz_containers.py"
FORMERLY_BROKEN = (6063, 8016, 8210, 9852, 25609, 27647, 29007, 36533)
"""Each broke once: negative lengths, overflows, memory by tables or fragments that lie, streams from nowhere."""


def run(count: int, first: int) -> dict:
    done = subprocess.run([sys.executable, str(SCRIPT), str(count), str(first)], capture_output=True, text=True)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_six_hundred_mutations_neither_break_nor_hang_nor_need_much_memory():
    result = run(600, 0)
    assert result["broken"] == []
    assert sum(result["outcomes"].values()) == 600
    assert result["peak_mb"] <= 300 and result["slowest_s"] < 10
    assert set(result["whole"]) == {"accepted"}


@pytest.mark.parametrize("number", FORMERLY_BROKEN)
def test_what_broke_once_is_refused_or_damaged_now(number):
    result = run(1, number)
    assert result["broken"] == [] and result["peak_mb"] <= 300
