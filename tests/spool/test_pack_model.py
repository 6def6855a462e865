"""Packing and requeue in small: all interleavings, and each rule is needed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("pack_model", Path(__file__).with_name("pack_model.py"))
model = importlib.util.module_from_spec(spec)
sys.modules["pack_model"] = model
spec.loader.exec_module(model)


BOUNDS = [
    pytest.param((1, 1, 2, 1), id="a crash"),
    pytest.param((2, 1, 1, 0), id="two who requeue", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("bounds", BOUNDS)
def test_no_interleaving_of_packing_and_requeue_loses_or_doubles_a_task(bounds):
    found = model.search(*bounds)
    assert found.states > 1_000 and found.wrong == set()


@pytest.mark.parametrize("mutant", model.MUTANTS)
def test_packing_without_one_of_its_rules_is_found_out(mutant):
    assert model.search(2, 1, 2, 0, mutant=mutant).wrong
