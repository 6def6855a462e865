"""The page of storages: how full each is, and on request what retention would remove and what it removed."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasette.utils.asgi import Response

from dashtools.errors import DashtoolsError
from dashtools.web.answers import may_here, show
from dashtools.web.problem import of as of_error

MOST = 200


@dataclass(frozen=True)
class Room:
    """A storage of this host and how full its disk is; sizes None while it is not mounted."""

    name: str
    is_mounted: bool
    total_bytes: int | None = None
    free_bytes: int | None = None

    @property
    def used_share(self) -> float:
        return 0.0 if not self.total_bytes else 1 - (self.free_bytes or 0) / self.total_bytes


@dataclass(frozen=True)
class Going:
    """Something that retention would remove, or keeps, and why."""

    policy: str
    storage: str
    path: str
    video_id: str
    size_bytes: int
    reason: str


@dataclass(frozen=True)
class Gone:
    """What was removed once: its tombstone."""

    path: str
    storage: str
    video_id: str
    size_bytes: int
    removed_at: str | None
    reason: str


@dataclass(frozen=True)
class Report:
    """What retention would do now, the first to go first, and what it did."""

    going: tuple[Going, ...]
    kept: tuple[Going, ...]
    gone: tuple[Gone, ...]

    @property
    def going_bytes(self) -> int:
        return sum(unit.size_bytes for unit in self.going)

    @property
    def kept_for(self) -> dict[str, int]:
        """How many things stay for each reason, ages left out."""
        counts: dict[str, int] = {}
        for unit in self.kept:
            reason = "too young" if " days old, kept for " in unit.reason else unit.reason
            counts[reason] = counts.get(reason, 0) + 1
        return counts


async def storage(datasette: Any, request: Any) -> Response:
    """How full the storages are; ?report=1 also works out what retention would remove, which reads every record."""
    roots, report_of = datasette.dashtools.roots, datasette.dashtools.retention
    rooms = await asyncio.to_thread(lambda: [_room(name, root) for name, root in sorted(roots.items())])
    report, problem = None, None
    if request.args.get("report") and report_of is not None:
        try:
            report = await asyncio.to_thread(report_of)
        except DashtoolsError as error:
            is_admin = may_here(datasette, request, "admin")  # a reason may name folders of this host
            problem = str(error) if is_admin else of_error(error).detail
    values = {"rooms": rooms, "report": report, "problem": problem, "has_report": report_of is not None, "most": MOST}
    return await show(datasette, request, "storage.html", **values)


def _room(name: str, root: Path | None) -> Room:
    try:
        usage = shutil.disk_usage(root) if root is not None and root.is_dir() else None
    except OSError:
        usage = None
    return Room(name, False) if usage is None else Room(name, True, usage.total, usage.free)
