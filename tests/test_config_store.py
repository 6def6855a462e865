"""Updates are whole or not at all."""

import errno
import json
import os

import pytest

from dashtools.config import load
from dashtools.config_store import ConfigManager, register_folder, update_host_file
from dashtools.errors import BadConfig, InputMissing, OutputRefused


@pytest.fixture
def spool(tmp_path, monkeypatch):
    root = tmp_path / "spool"
    root.mkdir()
    (root / "VERSION").write_text(json.dumps({"layout": 1, "uuid": "feedc0de99"}))
    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "kept"))
    return root


def test_an_update_lands_in_the_shared_file_and_twice_is_once(spool):
    manager = ConfigManager(spool)
    assert manager.update_config({"global": {"max_failures": 3}}) is True
    assert manager.update_config({"global": {"max_failures": 3}}) is False
    assert manager.get_global_config()["max_failures"] == 3
    assert json.loads((spool / "config" / "config.json").read_text()) == {"global": {"max_failures": 3}}


def test_an_update_of_one_device_keeps_the_others(spool):
    manager = ConfigManager(spool)
    manager.update_config({"devices": {"a": {"task_types": ["INGEST_VIDEO"]}}})
    manager.update_config({"processing": {"sample_fps": 2}}, device_id="b")
    assert manager.get_device_config("a")["task_types"] == ["INGEST_VIDEO"]
    assert manager.get_device_config("b")["processing"]["sample_fps"] == 2


def test_a_bad_update_leaves_the_file_as_it_was(spool):
    manager = ConfigManager(spool)
    manager.update_config({"global": {"max_failures": 3}})
    before = (spool / "config" / "config.json").read_bytes()
    with pytest.raises(BadConfig, match="lease_secnds"):
        manager.update_config({"global": {"max_failures": 4, "lease_secnds": 1}})
    assert (spool / "config" / "config.json").read_bytes() == before


def test_a_full_disk_leaves_the_file_as_it_was(spool, monkeypatch):
    manager = ConfigManager(spool)
    manager.update_config({"global": {"max_failures": 3}})

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputRefused, match="No space"):
        manager.update_config({"global": {"max_failures": 4}})
    assert manager.get_global_config()["max_failures"] == 3
    assert sorted(p.name for p in (spool / "config").iterdir()) == ["config.json", "config.json.lock"]


def test_changes_are_called_back_once_and_never_when_bad(spool):
    manager, other = ConfigManager(spool), ConfigManager(spool)
    calls = []
    manager.watch_for_changes(lambda: calls.append(1))
    other.update_config({"global": {"max_failures": 4}})
    manager.watch_for_changes(lambda: calls.append(2))
    manager.watch_for_changes(lambda: calls.append(3))
    (spool / "config" / "config.json").write_text('{"globl": 1}')
    manager.watch_for_changes(lambda: calls.append(4))
    assert calls == [2]
    assert "globl" in manager.validate_config()[0]


def test_a_registered_folder_is_a_read_only_storage_and_keeps_its_name(spool, tmp_path):
    clips = tmp_path / "My Clips (2024)"
    clips.mkdir()
    host_file = load(spool).host_file
    name = register_folder(host_file, clips)
    assert register_folder(host_file, clips / ".." / clips.name) == name
    assert name.startswith("clips_my_clips_2024_")
    storage = load(spool).storage(name)
    assert storage.root == clips and storage.is_read_only


def test_folders_of_the_same_name_are_different_storages(spool, tmp_path):
    host_file = load(spool).host_file
    for parent in ("a", "b"):
        (tmp_path / parent / "clips").mkdir(parents=True)
    names = {register_folder(host_file, tmp_path / parent / "clips") for parent in ("a", "b")}
    assert len(names) == 2
    assert names <= set(load(spool).storages)


def test_an_absent_folder_is_not_registered(spool, tmp_path):
    with pytest.raises(InputMissing):
        register_folder(load(spool).host_file, tmp_path / "absent")


def test_a_bad_host_update_is_refused(tmp_path):
    with pytest.raises(BadConfig, match="absolute path"):
        update_host_file(tmp_path / "host.json", {"host": {"storages": {"x": "relative"}}})
    assert not (tmp_path / "host.json").exists()


def test_a_change_can_be_refused_under_the_lock(spool):
    manager = ConfigManager(spool)
    before = manager.version()

    def refuse():
        raise LookupError

    with pytest.raises(LookupError):
        manager.update_config({"global": {"max_failures": 3}}, first=refuse)
    assert manager.version() == before
    assert manager.update_config({"global": {"max_failures": 3}}) and manager.version() != before
    assert manager.document()["global"]["max_failures"] == 3 and manager.document()["global"]["lease_seconds"] == 180
