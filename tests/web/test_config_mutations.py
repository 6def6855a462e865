"""A hundred configurations with one thing wrong each: refused everywhere, with a sentence that names the place."""

import copy
import json
import random

import pytest

from dashtools.commands import config as dc_config
from dashtools.commands._api import api_settings
from dashtools.commands._run import Session, status_of
from dashtools.config_keys import DEFAULT_GLOBAL, DEFAULT_PROCESSING, DEFAULT_STORAGE_PATHS, problems
from dashtools.spool.queue import Spool

GOOD = {
    "global": DEFAULT_GLOBAL,
    "profiles": {"default": {"processing": DEFAULT_PROCESSING}},
    "devices": {"j1": {"device_type": "jetson_coral", "task_types": ["PREPROCESS_VIDEO"], "hostname": "j"}},
    "storage_paths": DEFAULT_STORAGE_PATHS,
}
FREE = {"profiles", "devices", "storage_paths", "home_zones"}
"""Objects whose keys are names that a person chooses."""


def leaves(tree, path=()):
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def mutated(number):
    """The dotted place and a small update with one thing wrong."""
    dice = random.Random(number)
    *path, last = dice.choice([leaf for leaf in leaves(GOOD) if leaf[-1] not in FREE])
    wrong = dice.choice(["spelling", "type", "extreme", "empty"])
    value = copy.deepcopy(GOOD)
    for word in (*path, last):
        value = value[word]
    if wrong == "spelling":
        at = dice.randrange(len(last))
        last = last[:at] + last[at] + last[at:] + "_"
    elif wrong == "type" or isinstance(value, (bool, str)):
        value = dice.choice([{"a": 1}, [{}], [[1]]])
    elif wrong == "extreme":
        value = dice.choice([-1e12, 1e18])
    else:
        value = [] if not isinstance(value, list) else ""
    update = {last: value}
    for word in reversed(path):
        update = {word: update}
    return ".".join((*path, last)), update


CASES = [mutated(number) for number in range(100)]


def useful(words, place):
    """Does a line begin with the place, or name it, and say what to write instead?"""
    hints = ("did you mean", "must", "outside", "known here", "not of the form", "unknown")
    return place in words and any(hint in words for hint in hints)


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "data"))
    Spool.create(tmp_path / "spool")
    return Session(spool_option=tmp_path / "spool")


def test_the_configuration_that_is_mutated_is_good_and_no_mutation_is():
    assert problems(GOOD) == []
    assert [place for place, update in CASES if not problems(update)] == []
    assert len({json.dumps(update) for _, update in CASES}) > 80


def test_a_hundred_bad_updates_through_the_api_are_refused_with_a_useful_sentence(site, session):
    site.options["api"] = api_settings(session)
    before = site.get("/api/v1/config").json()
    for place, update in CASES:
        answer = site.get("/api/v1/config", "PUT", json=update)
        assert answer.status_code == 422, (place, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert useful(answer.json()["detail"], place), answer.text
    assert site.get("/api/v1/config").json() == before


def test_a_hundred_bad_values_are_refused_by_dc_config_set_and_check(session, capsys, tmp_path):
    shared = ["--spool", str(session.spool_path)]
    for place, update in CASES:
        value = update
        for word in place.split("."):
            value = value[word]
        status = status_of(dc_config.command, "dc-config", ["set", *shared, place, json.dumps(value)])
        assert status == 78 and useful(capsys.readouterr().err, place), place
        file = tmp_path / "candidate.json"
        file.write_text(json.dumps(update))
        status = status_of(dc_config.command, "dc-config", ["check", *shared, str(file)])
        told = capsys.readouterr().err
        assert status == 78 and useful(told, place) and str(file) in told, place
    assert not (session.spool_path / "config" / "config.json").exists()
