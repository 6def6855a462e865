"""Which adapter a device of the configuration is."""

from __future__ import annotations

from dashtools.config import Config
from dashtools.devices.adapter import QueueDevice
from dashtools.devices.compute import JetsonCoralAdapter, MainServerAdapter, RTX4090Adapter
from dashtools.devices.dashcam import DashcamAdapter
from dashtools.devices.nas import IndoorNASAdapter, ShedNASAdapter
from dashtools.devices.probes import Machine
from dashtools.devices.queues import DeviceQueue, SpoolQueue
from dashtools.spool.queue import Spool

ADAPTERS: dict[str, type[QueueDevice]] = {
    adapter.device_type: adapter
    for adapter in (
        DashcamAdapter,
        IndoorNASAdapter,
        JetsonCoralAdapter,
        MainServerAdapter,
        RTX4090Adapter,
        ShedNASAdapter,
        QueueDevice,
    )
}


def adapter_for(queue: Spool | DeviceQueue, config: Config, machine: Machine | None = None) -> QueueDevice:
    """This host's own adapter, over a mounted spool or a server: its device_type's, else the one for everything."""
    kind = ADAPTERS[str(config.device.get("device_type", "all_in_one"))]
    return kind(SpoolQueue(queue) if isinstance(queue, Spool) else queue, config, machine)
