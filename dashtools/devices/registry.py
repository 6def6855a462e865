"""Which adapter a device of the configuration is."""

from __future__ import annotations

from dashtools.config import Config
from dashtools.devices.adapter import SpoolDevice
from dashtools.devices.compute import JetsonCoralAdapter, MainServerAdapter, RTX4090Adapter
from dashtools.devices.dashcam import DashcamAdapter
from dashtools.devices.nas import IndoorNASAdapter, ShedNASAdapter
from dashtools.devices.probes import Machine
from dashtools.spool.queue import Spool

ADAPTERS: dict[str, type[SpoolDevice]] = {
    adapter.device_type: adapter
    for adapter in (
        DashcamAdapter,
        IndoorNASAdapter,
        JetsonCoralAdapter,
        MainServerAdapter,
        RTX4090Adapter,
        ShedNASAdapter,
        SpoolDevice,
    )
}


def adapter_for(spool: Spool, config: Config, machine: Machine | None = None) -> SpoolDevice:
    """This host's own adapter: its device_type's, else the one that does everything."""
    return ADAPTERS[str(config.device.get("device_type", "all_in_one"))](spool, config, machine)
