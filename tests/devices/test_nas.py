"""The storages: mounted or away, and where things lie on them."""

import pytest

from dashtools.devices.registry import adapter_for
from dashtools.errors import InputMissing
from dashtools.model import FileRef, Task


@pytest.mark.parametrize("device_type", ["indoor_nas", "shed_nas"])
def test_a_nas_is_well_while_its_storage_is_mounted(host, bare, device_type):
    spool, config = host(device_type)
    adapter = adapter_for(spool, config, bare)
    assert adapter.health_check()
    (config.storage(device_type).root / "STORAGE").unlink()
    assert "mounted" in adapter.ailments()[0]
    assert adapter.get_device_capabilities().capabilities["storage_gb"] is None


def test_the_indoor_nas_knows_where_a_clip_lies(host, bare):
    spool, config = host("indoor_nas")
    spool.publish(Task("t1", "INGEST_VIDEO", "drive-1", inputs=(FileRef("clips", "a/drive.mp4", "video"),)))
    adapter = adapter_for(spool, config, bare)
    assert adapter.get_video_path("drive-1") == "a/drive.mp4"
    adapter.mark_task_complete("t1")
    assert adapter.get_video_path("drive-1") == "a/drive.mp4"
    with pytest.raises(InputMissing):
        adapter.get_video_path("drive-2")


def test_the_shed_nas_knows_its_archive(host, bare):
    spool, config = host("shed_nas")
    adapter = adapter_for(spool, config, bare)
    folder = config.storage("shed_nas").root / "archive" / "drive-1"
    folder.mkdir(parents=True)
    assert adapter.get_archive_path("drive-1") == folder
    with pytest.raises(InputMissing):
        adapter.get_archive_path("drive-2")
