"""An unmounted share is told from a missing file, and nothing leaves its storage."""

import dataclasses
import errno
import json
from pathlib import Path

import pytest

from dashtools.config import Storage, load
from dashtools.devices.storages import create_own_storages, create_storage, output_folder, resolve
from dashtools.errors import BadInput, InputMissing, OutputRefused, TryLater
from dashtools.model import FileRef


@pytest.fixture
def config(tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "VERSION").write_text(json.dumps({"layout": 1, "uuid": "feedc0de99"}))
    config = load(spool, environ={"DASHTOOLS_DATA": str(tmp_path / "kept")})
    create_own_storages(config)
    return config


def with_storage(config, storage):
    return dataclasses.replace(config, storages={**config.storages, storage.name: storage})


def test_a_file_under_a_mounted_root_is_found(config):
    root = config.storage("indoor_nas").root
    (root / "a.json").write_text("{}")
    assert resolve(config, FileRef("indoor_nas", "a.json", "preproc")) == root / "a.json"


def test_a_missing_file_under_a_mounted_root_is_missing(config):
    with pytest.raises(InputMissing):
        resolve(config, FileRef("indoor_nas", "absent", "preproc"))


def test_a_root_without_its_marker_is_not_mounted(config):
    (config.storage("indoor_nas").root / "STORAGE").unlink()
    with pytest.raises(TryLater, match="mounted"):
        resolve(config, FileRef("indoor_nas", "a.json", "preproc"))


def test_an_unmapped_storage_waits(config):
    with pytest.raises(TryLater, match="not mapped"):
        resolve(config, FileRef("elsewhere", "a.json", "preproc"))


@pytest.mark.parametrize("made", [False, True], ids=["absent", "empty"])
def test_a_read_only_root_that_holds_nothing_waits(config, tmp_path, made):
    root = tmp_path / "card"
    if made:
        root.mkdir()
    changed = with_storage(config, Storage("card", root, is_read_only=True))
    with pytest.raises(TryLater, match="mounted"):
        resolve(changed, FileRef("card", "a.mp4", "video"))


def test_a_read_only_root_needs_no_marker(config, tmp_path):
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "a.mp4").write_bytes(b"x")
    changed = with_storage(config, Storage("card", tmp_path / "card", is_read_only=True))
    assert resolve(changed, FileRef("card", "a.mp4", "video")).read_bytes() == b"x"
    with pytest.raises(InputMissing):
        resolve(changed, FileRef("card", "b.mp4", "video"))


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "x/../../a", "", "a\0b", "link/passwd"])
def test_a_path_that_leaves_its_storage_is_bad_input(config, path):
    (config.storage("indoor_nas").root / "link").symlink_to("/etc")
    with pytest.raises(BadInput):
        resolve(config, FileRef("indoor_nas", path, "preproc"))


def test_making_a_storage_twice_keeps_its_uuid_and_another_name_is_refused(tmp_path):
    first = create_storage(tmp_path / "s", "shed_nas")
    assert create_storage(tmp_path / "s", "shed_nas") == first
    with pytest.raises(BadInput, match="shed_nas"):
        create_storage(tmp_path / "s", "indoor_nas")


def test_another_share_mounted_in_its_place_is_not_it(config, tmp_path):
    create_storage(tmp_path / "other", "shed_nas")
    changed = with_storage(config, Storage("indoor_nas", tmp_path / "other"))
    with pytest.raises(TryLater, match="shed_nas"):
        resolve(changed, FileRef("indoor_nas", "a", "preproc"))


def test_outputs_of_a_kind_go_to_their_folder(config):
    storage, folder = output_folder(config, "archive")
    assert storage.name == "shed_nas" and folder == storage.root / "archive" and folder.is_dir()


def test_a_configured_base_gets_no_storage_made_in_it(config, tmp_path):
    outside = tmp_path / "share"
    outside.mkdir()
    create_own_storages(with_storage(config, Storage("shed_nas", outside)))
    assert not (outside / "STORAGE").exists()


def test_a_share_that_does_not_answer_waits(config, monkeypatch):
    def stale(path):
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Path, "exists", stale)
    with pytest.raises(TryLater, match="Stale file handle"):
        resolve(config, FileRef("indoor_nas", "a.json", "preproc"))


def test_a_storage_that_cannot_be_written_refuses_outputs(config, monkeypatch):
    def refuse(path, *arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputRefused, match="Read-only"):
        output_folder(config, "archive")


def test_a_folder_that_cannot_be_made_names_its_storage(host, monkeypatch):
    _, config = host("all_in_one")

    def full(path, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OutputRefused) as caught:
        output_folder(config, "archive")
    assert caught.value.storage == "shed_nas"
