"""Jetson, GPU box and main server: what ails them and what only they can say."""

from dashtools.devices.registry import adapter_for
from dashtools.model import Task


def test_a_jetson_with_its_tpu_is_well_and_without_is_not(host, jetson, bare):
    spool, config = host("jetson_coral")
    assert adapter_for(spool, config, jetson).health_check()
    assert "no Coral TPU" in adapter_for(spool, config, bare).ailments()[0]


def test_a_hot_jetson_is_not_well(host, jetson):
    (jetson.root / "sys/class/thermal/thermal_zone1/temp").write_text("91000")
    spool, config = host("jetson_coral")
    assert "91 °C" in adapter_for(spool, config, jetson).ailments()[0]


def test_a_gpu_box_tells_a_missing_card_from_a_dead_driver(host, bare):
    spool, config = host("rtx_4090")
    adapter = adapter_for(spool, config, bare)
    assert "no NVIDIA card" in adapter.ailments()[0]
    (bare.root / "dev").mkdir()
    (bare.root / "dev/nvidia0").touch()
    assert "driver" in adapter.ailments()[0]


def test_the_main_server_publishes_once_and_counts_its_queue(host, bare):
    spool, config = host("main_server")
    adapter = adapter_for(spool, config, bare)
    assert adapter.push_task(Task("t1", "INGEST_VIDEO", "v")) is True
    assert adapter.push_task(Task("t1", "INGEST_VIDEO", "v")) is False
    assert adapter.own_metrics()["queue_depth"] == {"INGEST_VIDEO": 1}
    assert adapter.pull_task("INGEST_VIDEO").task_id == "t1"
    assert adapter.pull_task("ARCHIVE_VIDEO") is None
