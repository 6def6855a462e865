"""The machines that compute: the Jetson with its Coral, the GPU box, and the main server that keeps the queue."""

from __future__ import annotations

import time
from collections.abc import Sequence

from dashtools.devices.adapter import QueueDevice
from dashtools.devices.yielding import is_quiet, local_time
from dashtools.model import Json, Task

JETSON_HOT_C = 85.0  # the Jetson Nano throttles at 97 °C (NVIDIA thermal design guide); leave room
GPU_HOT_C = 88.0  # GeForce cards throttle from about 90 °C


class JetsonCoralAdapter(QueueDevice):
    """Filters clips; wants its TPU and a cool board."""

    device_type = "jetson_coral"

    def own_metrics(self) -> Json:
        """TPUs and the hottest zone."""
        return {"coral_tpus": self.machine.coral_count(), "temperature_c": self.machine.temperature_c()}

    def ailments(self) -> list[str]:
        """No TPU, or too hot."""
        found = (
            [] if self.machine.coral_count() else ["no Coral TPU is connected (USB 1a6e:089a, 18d1:9302, /dev/apex_0)"]
        )
        hottest = self.machine.temperature_c()
        if hottest is not None and hottest >= JETSON_HOT_C:
            found.append(f"the board has {hottest:.0f} °C; it works again below {JETSON_HOT_C:.0f} °C")
        return found


class RTX4090Adapter(QueueDevice):
    """Detects and reads; wants a driver that answers and a cool card."""

    device_type = "rtx_4090"

    def wanted_elsewhere(self) -> str | None:
        """Quiet hours, or a process of another program that computes on the card."""
        hours = self.config.device.get("quiet_hours")
        if is_quiet(hours, local_time()):
            return f"these are the quiet hours of this device ({hours})"
        others = [pid for pid in self._users() if not self.machine.is_ours(pid)]
        return f"process {others[0]} wants the graphics card" if others else None

    def _users(self) -> list[int]:
        return self.machine.gpu_users() if self.config.device.get("yields_gpu", True) else []

    def ailments(self) -> list[str]:
        """No card, a driver that does not answer, or too hot."""
        gpu = self.machine.gpu()
        if gpu is None:
            return ["no NVIDIA card answers (nvidia-smi, /dev/nvidia0)"]
        if gpu["model"] is None:
            return ["/dev/nvidia0 is there and nvidia-smi does not answer: the driver may have crashed"]
        hottest = gpu["temperature_c"]
        if hottest is not None and hottest >= GPU_HOT_C:
            return [f"the card has {hottest:.0f} °C; it works again below {GPU_HOT_C:.0f} °C"]
        return []


class MainServerAdapter(QueueDevice):
    """Keeps the queue: depth, and how long the spool takes to answer."""

    device_type = "main_server"

    def pull_task(self, task_type: str) -> Task | None:
        """The next ready task of a type, not reserved; None when there is none."""
        return next(iter(self.get_pending_tasks(task_type)), None)

    def push_task(self, task: Task) -> bool:
        """Publishes a task once for ever; False when its id is known already."""
        return self.queue.publish(task)

    def push_tasks(self, tasks: Sequence[Task]) -> int:
        """How many of these tasks were new."""
        return sum(self.push_task(task) for task in tasks)

    def own_metrics(self) -> Json:
        """Pending tasks by type, and the milliseconds of a listing."""
        started = time.monotonic()
        depths = self.queue.depths()
        return {"queue_depth": depths, "spool_ms": round(1000 * (time.monotonic() - started), 1)}

    def ailments(self) -> list[str]:
        """A spool that is away or cannot be written."""
        ailment = self.queue.ailment()
        return [] if ailment is None else [ailment]
