"""What every device offers to the queue: the blueprint's DeviceAdapter over a spool and this machine's probes."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import orjson

from dashtools.config import Config
from dashtools.devices.probes import Machine, disk_gb
from dashtools.errors import ClaimLost
from dashtools.model import ChildTask, Json, Task, with_changes
from dashtools.spool import layout
from dashtools.spool.queue import Spool
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


class SpoolDevice(DeviceAdapter):
    """A device that works on a mounted spool; the six adapters say what is theirs."""

    device_type = "all_in_one"

    def __init__(self, spool: Spool, config: Config, machine: Machine | None = None) -> None:
        self.spool = spool
        self.config = config
        self.machine = machine or Machine()

    def get_pending_tasks(self, task_type: str, limit: int = 1) -> list[Task]:
        """Ready tasks of a type that this device may do, the next first. No reservation: workers claim."""
        if task_type not in self.config.task_types:
            return []
        served = self.served_capabilities()
        ready = (e for e in self.spool.pending(task_type) if e.state == "ready")
        mine = (e for e in ready if layout.is_served(e.requirement, served))
        found = []
        for entry in islice(sorted(mine, key=lambda e: (e.priority, e.key)), limit):
            try:
                found.append(self.spool.load(entry))
            except FileNotFoundError:
                continue  # claimed by another meanwhile
        return found

    def mark_task_complete(self, task_id: str, new_tasks: Sequence[Task] | None = None) -> bool:
        """Claims a ready task and completes it at once, with its children; True when this call did so.

        False when it is unknown, complete, or in another worker's hands, or not for this device.
        """
        entry = self.spool.find(task_id)
        if entry is None or entry.state != "ready" or entry.task_type not in self.config.task_types:
            return False
        claim = self.spool.claim_entry(entry)
        if claim is None:
            return False
        final = with_changes(claim.task, state="complete", completed_at=to_text(utc_now()))
        try:
            self.spool.commit(claim, final, children=[_as_child(task) for task in new_tasks or ()])
        except ClaimLost:
            return False
        return True

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

    def own_metrics(self) -> Json:
        """What only this kind of device measures."""
        return {}

    def register(self) -> None:
        """Writes this device's capabilities into the spool's devices/, where the index and people see them."""
        name = f"{self.config.device_id}.json"
        content = orjson.dumps(self.get_device_capabilities().to_json(), option=orjson.OPT_INDENT_2)
        self.spool.files.replace(f"devices/{name}", content, f"tmp/device~{self.spool.me.worker}")

    def _running(self) -> Json:
        workers = [name for name in self.spool.files.names("workers") if name.endswith(".json")]
        records = []
        for name in workers:
            try:
                records.append(orjson.loads(self.spool.files.read(f"workers/{name}")))
            except (FileNotFoundError, orjson.JSONDecodeError):
                continue  # the worker left or is writing
        mine = [record for record in records if record.get("device_id") == self.config.device_id]
        return {"tasks_running": sum(1 for record in mine if record.get("holds")), "tasks_pending_locally": 0}

    def _scratch(self) -> Path:
        return self.config.state_dir if self.config.state_dir.is_dir() else self.spool.root


def _as_child(task: Task) -> ChildTask:
    return ChildTask(
        task.task_type,
        inputs=task.inputs,
        params=task.params,
        metadata=task.metadata,
        device_capabilities_required=task.device_capabilities_required,
        priority=task.priority,
        video_id=task.video_id,
    )
