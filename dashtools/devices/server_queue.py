"""The queue of a device that cannot mount the share: the same contract as `queues`, through a server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from dashtools.backoff import patiently
from dashtools.devices.server import Server
from dashtools.errors import ClaimLost, DashtoolsError
from dashtools.model import TASK_TYPES, Json, Task
from dashtools.spool import layout
from dashtools.spool import task as tasks

T = TypeVar("T")
PAGE = 100
PATIENCE_S = 120.0


class ServerQueue:
    """The queue of a server; each question is asked again in 2, 4, 8 ... s while it does not answer."""

    def __init__(self, server: Server, device_id: str, patience_s: float = PATIENCE_S) -> None:
        self.server, self._device, self._patience_s = server, device_id.replace(".", "-")[:32], patience_s

    def ready(self, task_type: str, served: Mapping[str, Any], limit: int) -> list[Task]:
        """Ready tasks that the device can serve, the next first."""
        found: list[Task] = []
        offset = 0
        while len(found) < limit:
            page = self._ask(partial(self.server.listed, PAGE, offset, type=task_type))
            found += [task for task in page if layout.is_served(tasks.requirement(task), served)]
            if len(page) < PAGE:
                break
            offset += PAGE
        return found[:limit]

    def complete(self, task_id: str, types: Sequence[str], served: Mapping[str, Any], new: Sequence[Task]) -> bool:
        """Claims the task by its id and completes it under that claim."""
        wish = {"device": self._device, "task_types": list(types), "capabilities": dict(served), "task_id": task_id}
        held = self._ask(partial(self.server.claimed, wish | {"nonce": secrets.token_hex(16)}))
        if held is None:
            return False
        children = [_as_wish(task) for task in new]
        try:
            self._ask(partial(self.server.complete, held, {"new_tasks": children}))
        except ClaimLost:
            return False
        return True

    def publish(self, task: Task) -> bool:
        """Publishes a root task once for ever."""
        try:
            self._ask(partial(self.server.ask, "POST", "/tasks", task.to_json()))
        except ClaimLost:  # 409: its id is known
            return False
        return True

    def register(self, device: Json) -> None:
        """Lets the server write the device into the spool."""
        self._ask(partial(self.server.ask, "PUT", f"/devices/{device['device_id']}", device))

    def running(self, device_id: str) -> int:
        """How many tasks its workers hold."""
        known = self._ask(partial(self.server.ask, "GET", f"/devices/{device_id}", none_for=404))
        return 0 if known is None else int(known.get("status", {}).get("tasks_running", 0))

    def depths(self) -> dict[str, int]:
        """Pending tasks by type."""
        counts = {kind: self._ask(partial(self.server.total, type=kind, state="pending")) for kind in TASK_TYPES}
        return {kind: count for kind, count in sorted(counts.items()) if count}

    def ailment(self) -> str | None:
        """A server that does not answer, or that says it is not well."""
        try:
            self.server.ask("GET", "/health")
        except DashtoolsError as error:
            return str(error)
        return None

    def clip_path(self, video_id: str) -> str | None:
        """Path of a clip that a task names."""
        for state in ("pending", "complete"):
            offset = 0
            while page := self._ask(partial(self.server.listed, PAGE, offset, type="INGEST_VIDEO", state=state)):
                found = [task.input("video") for task in page if task.video_id == video_id]
                if found and found[0] is not None:
                    return found[0].path
                offset += PAGE
        return None

    def _ask(self, question: Callable[[], T]) -> T:
        return patiently(question, self._patience_s)


def _as_wish(task: Task) -> Json:
    kept = ("task_type", "video_id", "inputs", "params", "metadata", "device_capabilities_required", "priority")
    return {name: value for name, value in task.to_json().items() if name in kept}
