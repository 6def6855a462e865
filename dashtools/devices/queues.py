"""What a device wants of the queue, and that over a mounted spool; `server_queue` keeps the same contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

import orjson

from dashtools.errors import ClaimLost, DashtoolsError
from dashtools.model import ChildTask, Json, Task, with_changes
from dashtools.spool import layout
from dashtools.spool.queue import Spool
from dashtools.times import to_text, utc_now


class DeviceQueue(Protocol):
    """The queue as a device sees it; `served` are the device's capabilities by flat names."""

    def ready(self, task_type: str, served: Mapping[str, Any], limit: int) -> list[Task]:
        """Ready tasks that the device can serve, the next first; nothing is reserved."""
        ...

    def complete(self, task_id: str, types: Sequence[str], served: Mapping[str, Any], new: Sequence[Task]) -> bool:
        """Completes a ready task of one of these types and publishes new ones with it; True when this call did so."""
        ...

    def publish(self, task: Task) -> bool:
        """Publishes a root task once for ever; False when its id is known already."""
        ...

    def register(self, device: Json) -> None:
        """Lets everybody know what the device is."""
        ...

    def running(self, device_id: str) -> int:
        """How many tasks its workers hold."""
        ...

    def depths(self) -> dict[str, int]:
        """Pending tasks by type."""
        ...

    def ailment(self) -> str | None:
        """Why the queue cannot be used now."""
        ...

    def clip_path(self, video_id: str) -> str | None:
        """Path, relative to its storage, of a clip that a task names."""
        ...


class SpoolQueue:
    """The queue of a mounted spool."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool

    def ready(self, task_type: str, served: Mapping[str, Any], limit: int) -> list[Task]:
        """Ready tasks that the device can serve, the next first."""
        waiting = (entry for entry in self.spool.pending(task_type) if entry.state == "ready")
        mine = (entry for entry in waiting if layout.is_served(entry.requirement, served))
        found = []
        for entry in islice(sorted(mine, key=lambda e: (e.priority, e.key)), limit):
            try:
                found.append(self.spool.load(entry))
            except FileNotFoundError:
                continue  # claimed by another meanwhile
        return found

    def complete(self, task_id: str, types: Sequence[str], served: Mapping[str, Any], new: Sequence[Task]) -> bool:
        """Claims a ready task and completes it at once, with its children."""
        entry = self.spool.find(task_id)
        if entry is None or entry.state != "ready" or entry.task_type not in types:
            return False
        claim = self.spool.claim_entry(entry) if layout.is_served(entry.requirement, served) else None
        if claim is None:
            return False
        final = with_changes(claim.task, state="complete", completed_at=to_text(utc_now()))
        try:
            self.spool.commit(claim, final, children=[_as_child(task) for task in new])
        except ClaimLost:
            return False
        return True

    def publish(self, task: Task) -> bool:
        """Publishes a root task once for ever."""
        return self.spool.publish(task) is not None

    def register(self, device: Json) -> None:
        """Writes the device into the spool's devices/, where the index and people see it."""
        content = orjson.dumps(device, option=orjson.OPT_INDENT_2)
        self.spool.files.replace(
            f"devices/{device['device_id']}.json", content, f"tmp/device~{self.spool.me.worker}"
        )  # fmt: skip

    def running(self, device_id: str) -> int:
        """How many tasks its workers hold."""
        records = []
        for name in self.spool.files.names("workers"):
            if name.endswith(".json"):
                try:
                    records.append(orjson.loads(self.spool.files.read(f"workers/{name}")))
                except (FileNotFoundError, orjson.JSONDecodeError):
                    continue  # the worker left or is writing
        return sum(1 for record in records if record.get("device_id") == device_id and record.get("holds"))

    def depths(self) -> dict[str, int]:
        """Pending tasks by type."""
        return dict(sorted(Counter(entry.task_type for entry in self.spool.pending()).items()))

    def ailment(self) -> str | None:
        """A spool that is away or cannot be written."""
        try:
            self.spool.now()
        except (DashtoolsError, OSError) as error:
            return f"the spool {self.spool.root} cannot be written: {error}"
        return None

    def clip_path(self, video_id: str) -> str | None:
        """Path of a clip that a record of the spool names."""
        for entry in [*self.spool.pending(), *self.spool.completed("INGEST_VIDEO")]:
            try:
                task = self.spool.load(entry)
            except FileNotFoundError:
                continue  # moved on meanwhile
            video = task.input("video")
            if task.video_id == video_id and video is not None:
                return video.path
        return None


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
