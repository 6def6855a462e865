"""What every device offers to the queue: the blueprint's DeviceAdapter over a queue and this machine's probes."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dashtools.config import Config
from dashtools.devices.probes import Machine, disk_gb
from dashtools.devices.queues import DeviceQueue
from dashtools.model import Json, Task
from dashtools.times import to_text, utc_now


@dataclass(frozen=True)
class DeviceCapabilities:
    """What a device is and can do; its JSON is schemas/device.schema.json."""

    device_id: str
    hostname: str
    device_type: str
    task_types_supported: tuple[str, ...]
    capabilities: Json
    status: Json = field(default_factory=dict)

    def to_json(self) -> Json:
        names = ("device_id", "hostname", "device_type", "capabilities", "status")
        found = {name: getattr(self, name) for name in names}
        return {**found, "task_types_supported": list(self.task_types_supported)}


class DeviceAdapter(ABC):
    """The interface of the blueprint's section 5.1."""

    @abstractmethod
    def get_pending_tasks(self, task_type: str, limit: int = 1) -> list[Task]:
        """Ready tasks of a type that this device may do, the next first. No reservation: workers claim."""

    @abstractmethod
    def mark_task_complete(self, task_id: str, new_tasks: Sequence[Task] | None = None) -> bool:
        """Completes a task that this device did and publishes new ones with it; True when this call did so."""

    @abstractmethod
    def get_device_capabilities(self) -> DeviceCapabilities:
        """What this device is, measured where it can be."""

    @abstractmethod
    def health_check(self) -> bool:
        """Is this device fit for its work?"""


class QueueDevice(DeviceAdapter):
    """A device that works on a queue, mounted or served; the six adapters say what is theirs."""

    device_type = "all_in_one"

    def __init__(self, queue: DeviceQueue, config: Config, machine: Machine | None = None) -> None:
        self.queue = queue
        self.config = config
        self.machine = machine or Machine()

    def get_pending_tasks(self, task_type: str, limit: int = 1) -> list[Task]:
        """Ready tasks of a type that this device may do, the next first. No reservation: workers claim."""
        if task_type not in self.config.task_types:
            return []
        return self.queue.ready(task_type, self.served_capabilities(), limit)

    def mark_task_complete(self, task_id: str, new_tasks: Sequence[Task] | None = None) -> bool:
        """Claims a ready task and completes it at once, with its children; True when this call did so.

        False when it is unknown, complete, or in another worker's hands, or not for this device.
        """
        return self.queue.complete(task_id, self.config.task_types, self.served_capabilities(), new_tasks or ())

    def get_device_capabilities(self) -> DeviceCapabilities:
        """What this device is: measured, with what the configuration declares laid over it."""
        measured: Json = {
            "cpu_cores": self.machine.cpu_cores(),
            "cpu_arch": self.machine.cpu_arch(),
            "memory_gb": self.machine.memory_gb(),
            "storage_gb": disk_gb(self._scratch()),
            "gpu": self.machine.gpu(),
            "accelerators": self.machine.accelerators(),
            "network": self.machine.network(),
        }
        return DeviceCapabilities(
            device_id=self.config.device_id,
            hostname=str(self.config.device.get("hostname") or socket.gethostname()),
            device_type=self.device_type,
            task_types_supported=self.config.task_types,
            capabilities={**measured, **self.own_metrics(), **self.config.capabilities},
            status={"online": self.health_check(), "last_heartbeat": to_text(utc_now()), **self._running()},
        )

    def served_capabilities(self) -> Json:
        """Flat names for requirements such as {"coral_tpu": true, "min_memory_gb": 2}; what is declared wins."""
        gpu = self.machine.gpu()
        measured: Json = {"memory_gb": self.machine.memory_gb(), "coral_tpu": self.machine.coral_count() > 0}
        measured |= {"gpu": gpu is not None, "cpu_arch": self.machine.cpu_arch()}
        return {**measured, **({"vram_gb": gpu["vram_gb"]} if gpu else {}), **self.config.capabilities}

    def health_check(self) -> bool:
        """Is this device fit for its work?"""
        return not self.ailments()

    def ailments(self) -> list[str]:
        """What is wrong with this device, a sentence each; [] when it is well."""
        return []

    def wanted_elsewhere(self) -> str | None:
        """Why this device should leave its machine to others now; None while it need not."""
        return None

    def own_metrics(self) -> Json:
        """What only this kind of device measures."""
        return {}

    def register(self) -> None:
        """Lets everybody know this device's capabilities: they come to lie in the spool's devices/."""
        self.queue.register(self.get_device_capabilities().to_json())

    def _running(self) -> Json:
        return {"tasks_running": self.queue.running(self.config.device_id), "tasks_pending_locally": 0}

    def _scratch(self) -> Path:
        return self.config.state_dir if self.config.state_dir.is_dir() else self.config.state_dir.parent
