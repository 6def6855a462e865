"""The two storages: footage comes to the indoor NAS, what is kept for good goes to the shed NAS."""

from __future__ import annotations

import os
from pathlib import Path

from dashtools.devices.adapter import QueueDevice
from dashtools.devices.probes import disk_gb
from dashtools.devices.storages import inside, mounted_root
from dashtools.errors import DashtoolsError, InputMissing
from dashtools.model import Json

FREE_MIN_GB = 1.0


class StorageDevice(QueueDevice):
    """A device whose health is its storage: mounted, writable, not full."""

    storage_name = ""

    def root(self) -> Path:
        """The storage's root; TryLater when it is away."""
        return mounted_root(self.config.storage(self.storage_name))

    def own_metrics(self) -> Json:
        """Room on the storage; None while it is away."""
        try:
            return {"storage_gb": disk_gb(self.root())}
        except DashtoolsError:
            return {"storage_gb": None}

    def ailments(self) -> list[str]:
        """Away, read-only or full."""
        try:
            root = self.root()
        except DashtoolsError as error:
            return [str(error)]
        found = [] if os.access(root, os.W_OK) else [f"{root} is not writable"]
        room = disk_gb(root)
        if room is None or room["available"] < FREE_MIN_GB:
            found.append(f"{root} has less than {FREE_MIN_GB:g} GiB left")
        return found


class IndoorNASAdapter(StorageDevice):
    """Where clips arrive and what lies between the stages is kept."""

    device_type = "indoor_nas"
    storage_name = "indoor_nas"

    def get_video_path(self, video_id: str) -> str:
        """Path, relative to its storage, of a clip that a record of the spool names; InputMissing when none does."""
        path = self.queue.clip_path(video_id)
        if path is not None:
            return path
        raise InputMissing(f"no task names a clip of {video_id}")


class ShedNASAdapter(StorageDevice):
    """Where the verified small copies are kept for good."""

    device_type = "shed_nas"
    storage_name = "shed_nas"

    def get_archive_path(self, video_id: str) -> Path:
        """The folder of a clip's archive on this host; InputMissing when nothing of it is archived."""
        kind = self.config.storage(self.storage_name).kinds.get("archive", "archive")
        path = inside(self.root(), f"{kind}/{video_id}")
        if not path.is_dir():
            raise InputMissing(f"nothing of {video_id} is archived in {path.parent}")
        return path
