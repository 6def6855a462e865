"""What a machine has is found; what it lacks is None."""

import pytest

from dashtools.devices.probes import Machine, disk_gb, parse_nvidia_smi


def test_a_jetson_with_a_coral_is_seen_whole(jetson):
    assert jetson.memory_gb() == 3.9
    assert jetson.coral_count() == 1
    assert jetson.accelerators() == [{"type": "coral_tpu", "tops": 4, "connected": True}]
    assert jetson.gpu()["model"] == "NVIDIA Jetson Nano Developer Kit"
    assert jetson.temperature_c() == 51.5
    assert jetson.network() == {"interface": "eth0", "speed_mbps": 1000}


def test_a_bare_machine_has_nothing_invented(bare):
    assert bare.memory_gb() == 8.0
    assert (bare.gpu(), bare.accelerators(), bare.temperature_c(), bare.network()) == (None, [], None, None)


@pytest.mark.parametrize("ids", [("1a6e", "089a"), ("18d1", "9302")], ids="-".join)
def test_a_coral_is_known_before_and_after_its_firmware(bare, ids):
    usb = bare.root / "sys/bus/usb/devices/2-1"
    usb.mkdir(parents=True)
    (usb / "idVendor").write_text(ids[0])
    (usb / "idProduct").write_text(ids[1])
    assert bare.coral_count() == 1


def test_a_coral_on_pcie_is_counted(bare):
    (bare.root / "dev").mkdir()
    (bare.root / "dev/apex_0").touch()
    assert bare.coral_count() == 1


def test_a_card_whose_driver_does_not_answer_is_a_card_without_a_name(bare):
    (bare.root / "dev").mkdir()
    (bare.root / "dev/nvidia0").touch()
    assert bare.gpu() == {"vendor": "nvidia", "model": None, "vram_gb": None, "temperature_c": None}


@pytest.mark.parametrize("text", ["", "No devices were found\n", "\n\n"])
def test_an_answer_without_a_card_is_no_card(text):
    assert parse_nvidia_smi(text) is None


def test_a_card_with_unknown_numbers_keeps_its_name():
    assert parse_nvidia_smi("NVIDIA Thor, [N/A], [N/A]")["model"] == "NVIDIA Thor"


def test_this_machine_answers():
    machine = Machine()
    assert machine.cpu_cores() >= 1 and machine.memory_gb() > 0


def test_a_path_that_is_not_there_has_no_room(tmp_path):
    assert disk_gb(tmp_path / "absent") is None
    assert disk_gb(tmp_path)["total"] > 0
