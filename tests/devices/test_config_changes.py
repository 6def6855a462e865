"""What a change of the configuration is, and who is told."""

import json

import pytest

from dashtools.config import load
from dashtools.config_store import ConfigManager
from dashtools.devices.config_changes import Watch, between_files, from_defaults
from dashtools.errors import BadConfig


@pytest.fixture
def spool(tmp_path):
    (tmp_path / "spool/config").mkdir(parents=True)
    (tmp_path / "spool/VERSION").write_text(json.dumps({"layout": 1, "uuid": "feedc0de99"}))
    return tmp_path / "spool"


def resolve(spool, **environ):
    return load(spool, environ={"DASHTOOLS_DATA": str(spool.parent / "kept"), **environ})


def test_only_what_is_not_at_its_default_differs_and_its_layer_is_named(spool):
    assert from_defaults(resolve(spool)) == []
    ConfigManager(spool).update_config({"global": {"max_failures": 3}})
    found = from_defaults(resolve(spool, DASHTOOLS_SAMPLE_FPS="2"))
    assert [(c.key, c.before, c.after) for c in found] == [
        ("global.max_failures", 8, 3),
        ("processing.sample_fps", 5, 2),
    ]
    assert "shared" in found[0].layer and found[1].layer == "environment DASHTOOLS_SAMPLE_FPS"


def test_a_candidate_is_compared_with_the_shared_file_and_a_bad_one_refused(spool, tmp_path):
    ConfigManager(spool).update_config({"global": {"max_failures": 3, "finalize": False}})
    candidate = tmp_path / "new.json"
    candidate.write_text('{"global": {"max_failures": 4}, "devices": {"j": {"profile": "fast"}}}')
    found = {c.key: (type(c.before) is object, type(c.after) is object) for c in between_files(spool, candidate)}
    assert found == {
        "devices.j.profile": (True, False),
        "global.finalize": (False, True),
        "global.max_failures": (False, False),
    }
    candidate.write_text('{"globl": {}}')
    with pytest.raises(BadConfig, match="globl"):
        between_files(spool, candidate)


def test_a_watch_tells_changes_once_and_keeps_the_last_good_values(spool, monkeypatch):
    monkeypatch.setenv("DASHTOOLS_DATA", str(spool.parent / "kept"))
    watch = Watch(spool, None, lambda: resolve(spool))
    assert watch.look().changes == []
    ConfigManager(spool).update_config({"global": {"max_failures": 3}})
    assert [(c.key, c.before, c.after) for c in watch.look().changes] == [("global.max_failures", 8, 3)]
    assert watch.look().changes == []
    good = (spool / "config/config.json").read_text()
    (spool / "config/config.json").write_text('{"global": {"max_failures": 0}}')
    look = watch.look()
    assert look.changes == [] and "max_failures" in look.problems[0]
    assert watch.look().problems == []
    (spool / "config/config.json").write_text(good.replace("3", "5"))
    assert [(c.key, c.before, c.after) for c in watch.look().changes] == [("global.max_failures", 3, 5)]
