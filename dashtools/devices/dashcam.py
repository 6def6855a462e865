"""The camera itself, as far as its card is mounted here: clips on it and room left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dashtools.devices.adapter import QueueDevice
from dashtools.devices.probes import disk_gb
from dashtools.model import Json, Task

CLIP_SUFFIXES = {".mp4", ".mov", ".ts", ".avi", ".mkv"}
CARD_FREE_MIN_GB = 0.5


class DashcamAdapter(QueueDevice):
    """Executes no task; says what its card holds. Wi-Fi strength and battery are absent here, so they are None."""

    device_type = "dashcam"

    def get_pending_tasks(self, task_type: str, limit: int = 1) -> list[Task]:
        """None: a camera does no task."""
        return []

    def mark_task_complete(self, task_id: str, new_tasks: Sequence[Task] | None = None) -> bool:
        """False: a camera does no task."""
        return False

    def cards(self) -> list[Path]:
        """Roots of this host's read-only storages, where cards and clip folders are."""
        return [s.root for s in self.config.storages.values() if s.is_read_only and s.root is not None]

    def monitor_dashcam(self) -> list[Path]:
        """Clips on the cards, by path; dc-ingest makes tasks of them."""
        found = (path for card in self.cards() for path in card.rglob("*") if path.suffix.lower() in CLIP_SUFFIXES)
        return sorted(path for path in found if path.is_file())

    def own_metrics(self) -> Json:
        """Room on the cards."""
        return {"cards": [disk_gb(card) for card in self.cards()], "wifi_signal_dbm": None, "battery_percent": None}

    def ailments(self) -> list[str]:
        """A card that is away or full."""
        if not self.cards():
            return ["no card or clip folder is registered on this host"]
        found = []
        for card in self.cards():
            room = disk_gb(card)
            if room is None:
                found.append(f"{card} is not there; is the card in?")
            elif room["available"] < CARD_FREE_MIN_GB:
                found.append(f"{card} has {room['available']} GiB left")
        return found
