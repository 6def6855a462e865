"""The protocol in small: all interleavings, and each rule is needed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("spool_model", Path(__file__).with_name("model.py"))
model = importlib.util.module_from_spec(spec)
sys.modules["spool_model"] = model
spec.loader.exec_module(model)


def test_no_interleaving_loses_or_doubles_and_all_come_to_rest():
    found = model.search(attempts=2, crashes=1, lost=1, requeues=1)
    assert found.states > 10_000 and found.wrong == set() and found.stuck == 0


@pytest.mark.parametrize("mutant", model.MUTANTS)
def test_the_protocol_without_one_of_its_rules_is_found_out(mutant):
    found = model.search(attempts=2, crashes=1, lost=1, requeues=1, mutant=mutant)
    assert found.wrong or found.stuck
