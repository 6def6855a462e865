"""Machines laid out as folders, and hosts of one spool."""

import json
import sys
from pathlib import Path

import pytest

from dashtools.config import load
from dashtools.devices.probes import Machine
from dashtools.devices.registry import adapter_for
from dashtools.devices.server import Server
from dashtools.devices.server_queue import ServerQueue
from dashtools.devices.storages import create_own_storages
from dashtools.spool.queue import Spool

sys.path.insert(0, str(Path(__file__).parent))  # for retention_library: importlib mode adds no folder


def lay_out(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Machine(root)


@pytest.fixture
def jetson(tmp_path):
    """A Jetson Nano with a Coral on USB, at 40 and 51.5 degrees."""
    return lay_out(
        tmp_path / "jetson",
        {
            "proc/meminfo": "MemTotal:        4051048 kB\nMemFree: 1 kB\n",
            "proc/device-tree/model": "NVIDIA Jetson Nano Developer Kit\0",
            "sys/bus/usb/devices/1-1/idVendor": "18d1\n",
            "sys/bus/usb/devices/1-1/idProduct": "9302\n",
            "sys/bus/usb/devices/1-2/idVendor": "046d\n",
            "sys/bus/usb/devices/1-2/idProduct": "9302\n",
            "sys/class/thermal/thermal_zone0/temp": "40000\n",
            "sys/class/thermal/thermal_zone1/temp": "51500\n",
            "proc/net/route": "Iface\tDestination\tGateway\neth0\t00000000\t0101A8C0\n",
            "sys/class/net/eth0/speed": "1000\n",
        },
    )


@pytest.fixture
def bare(tmp_path):
    """A machine without anything."""
    return lay_out(tmp_path / "bare", {"proc/meminfo": "MemTotal: 8388608 kB\n"})


@pytest.fixture
def host(tmp_path):
    """A function that gives spool and configuration of a host with a device type."""
    Spool.create(tmp_path / "spool")
    spool = Spool.open(tmp_path / "spool")

    def of_type(device_type, **storages):
        mapped = {"host": {"device_id": "one", "storages": storages}, "devices": {"one": {"device_type": device_type}}}
        (tmp_path / "host.json").write_text(json.dumps(mapped))
        config = load(tmp_path / "spool", tmp_path / "host.json", environ={"DASHTOOLS_DATA": str(tmp_path / "kept")})
        create_own_storages(config)
        return spool, config

    return of_type


@pytest.fixture(scope="session")
def current(tmp_path_factory, serve_long):
    """A link to the spool at hand, and the URL of one server for whatever it leads to."""
    from dashtools.index.refresh import refresh
    from dashtools.web.api_settings import ApiSettings
    from dashtools.web.server import WebSettings

    folder = tmp_path_factory.mktemp("served")
    Spool.create(folder / "first")
    refresh(folder / "first", folder / "index.db")
    return folder / "link", serve_long(WebSettings(folder / "index.db", port=0, api=ApiSettings(folder / "link")))


@pytest.fixture(params=["files", "http"])
def connect(request):
    """A function that gives an adapter of a host: over its mounted spool, or over HTTP to a server of that spool."""

    def to(spool, config, machine):
        if request.param == "files":
            return adapter_for(spool, config, machine)
        link, url = request.getfixturevalue("current")
        link.unlink(missing_ok=True)
        link.symlink_to(spool.root)
        return adapter_for(ServerQueue(Server(url), config.device_id), config, machine)

    return to
