"""dc-device: measured, registered, listed."""

import json

import pytest

from dashtools.commands._run import status_of
from dashtools.commands.device import command
from dashtools.spool.queue import Spool


@pytest.fixture
def device(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "data"))
    Spool.create(tmp_path / "spool")
    (tmp_path / "spool/config/config.json").write_text(json.dumps({"devices": {"one": {"device_type": "main_server"}}}))
    monkeypatch.setenv("DASHTOOLS_DEVICE", "one")

    def run(*words):
        status = status_of(command, "dc-device", [words[0], "--spool", str(tmp_path / "spool"), *words[1:]])
        done = capsys.readouterr()
        return status, done.out, done.err

    run.spool = tmp_path / "spool"
    return run


def test_probe_measures_and_writes_nothing(device):
    status, out, _ = device("probe", "--json")
    measured = {line["key"]: line["value"] for line in map(json.loads, out.splitlines())}
    assert status == 0 and measured["cpu_cores"] >= 1 and measured["device_type"] == "main_server"
    assert "gpu" in measured, "what is absent is told as absent"
    assert not list((device.spool / "devices").iterdir())


def test_probe_says_what_ails_and_gives_69(device, monkeypatch):
    (device.spool / "config/config.json").write_text(json.dumps({"devices": {"one": {"device_type": "dashcam"}}}))
    status, out, _ = device("probe")
    assert status == 69 and "not fit: no card or clip folder" in out


def test_a_registered_device_is_listed_with_its_types_and_its_capabilities_are_printed(device):
    assert device("register")[1].strip().endswith("devices/one.json")
    (line,) = device("list")[1].splitlines()
    assert line.startswith("one ") and "away" in line and "INGEST_VIDEO,ARCHIVE_VIDEO" in line
    told = json.loads(device("capabilities")[1])
    assert told["device_id"] == "one" and told["capabilities"]["cpu_cores"] >= 1


def test_an_unknown_device_names_those_that_are_known(device):
    device("register")
    status, _, err = device("capabilities", "oen")
    assert status == 65 and '"one"' in err
