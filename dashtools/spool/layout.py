"""Names and places in the spool: pure functions from values to relative paths and back.

    pending/<TYPE>/<req>/<P>/<minute>/<key>.aNN.fM.json                      ready
    pending/<TYPE>/<req>/<P>/<minute>/<key>.aNN.fM.run~<worker>              claimed
    pending/<TYPE>/<req>/delayed/<notbefore>~<P>~<minute>~<key>.aNN.fM.json  waits
    complete/<TYPE>/YYYY/mm/dd/HH/<key>.aNN.json | .aNN.err.json | .aNN.rows.jsonl
    complete/<TYPE>/YYYY/mm/dd/HH/pack~<hex>.jsonl.gz | <key>.aNN.moved      layout 2
    staging/<key>.aNN/   attempts/<key>.aNN.json   known/<hh>/<id>   workers/<worker>.json|.lock

`key` is the creation time in UTC with microseconds, a dash, and the task id, so that names sort by age. aNN counts
claims and fences; fM counts failures. A colon appears nowhere: SMB refuses it. <minute> and HH are the beginning of the
keys in them; where such a folder is full, a longer beginning names another beside it (20240115T1425, 20240115T14250).

Layout 1 has no packs and no marks of what was moved. What it has is read as it is; packing a leaf makes it layout 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashtools.errors import BadInput
from dashtools.times import UTC

LAYOUT_VERSION = 2
READABLE_LAYOUTS = (1, 2)
TOP_FOLDERS = (
    "tmp",
    "known",
    "pending",
    "staging",
    "attempts",
    "complete",
    "workers",
    "config",
    "devices",
    "notes",
)
TIME_FORMAT = "%Y%m%dT%H%M%S%f"
TIME_LENGTH = 21  # 8 date + T + 6 time + 6 microseconds
MINUTE_LENGTH, HOUR_LENGTH = 13, 2
TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_NAME = re.compile(
    r"(?P<key>\d{8}T\d{12}-[A-Za-z0-9_-]{1,64})\.a(?P<attempt>\d+)"
    r"(?:\.f(?P<failures>\d+))?(?P<tail>\.json|\.err\.json|\.rows\.jsonl|\.run~(?P<worker>.+))\Z"
)


@dataclass(frozen=True)
class Entry:
    """One task as its file name tells it, without opening the file."""

    path: str
    task_type: str
    key: str
    attempt: int
    state: str
    """ready, claimed, delayed, complete or failed."""
    failures: int = 0
    requirement: str = "any"
    priority: int = 5
    worker: str | None = None
    not_before: str | None = None

    @property
    def task_id(self) -> str:
        return self.key[TIME_LENGTH + 1 :]

    @property
    def created(self) -> datetime:
        return key_time(self.key)

    @property
    def is_pending(self) -> bool:
        return self.state in ("ready", "claimed", "delayed")


def make_key(created: datetime, task_id: str) -> str:
    """The sortable name of a task.

    >>> make_key(datetime(2024, 1, 15, 14, 25, tzinfo=UTC), "ab12")
    '20240115T142500000000-ab12'
    """
    if not TASK_ID.match(task_id):
        raise BadInput(f"task_id {task_id!r} is not of the form [A-Za-z0-9_-]{{1,64}}")
    return f"{created.astimezone(UTC).strftime(TIME_FORMAT)}-{task_id}"


def key_time(key: str) -> datetime:
    """When the task (or its root ancestor) was created."""
    return datetime.strptime(key[:TIME_LENGTH], TIME_FORMAT).replace(tzinfo=UTC)


def child_key(parent_key: str, child_id: str) -> str:
    """A child's key carries its parent's time, so that an old clip's children stay first."""
    return f"{parent_key[:TIME_LENGTH]}-{child_id}"


def minute_of(key: str) -> str:
    """The bucket of a key: its time to the minute."""
    return key[:MINUTE_LENGTH]


def requirement_of(required: Mapping[str, Any]) -> str:
    """The directory name for a set of required capabilities; `any` for none.

    >>> requirement_of({"min_memory_gb": 2, "coral_tpu": True})
    'coral_tpu+min_memory_gb=2'
    """
    parts = []
    for name in sorted(required):
        value = required[name]
        text = name if value is True else f"{name}={value}"
        if value is False or value is None:
            continue
        if not re.fullmatch(r"[A-Za-z0-9_.=-]+", text):
            raise BadInput(f"capability {text!r} cannot be part of a directory name")
        parts.append(text)
    return "+".join(parts) or "any"


def is_served(requirement: str, capabilities: Mapping[str, Any]) -> bool:
    """Can a device with these capabilities take tasks of this requirement directory?

    >>> is_served("coral_tpu+min_memory_gb=2", {"coral_tpu": True, "memory_gb": 4})
    True
    >>> is_served("coral_tpu", {"memory_gb": 4})
    False
    """
    if requirement == "any":
        return True
    for part in requirement.split("+"):
        name, _, wanted = part.partition("=")
        have = capabilities.get(name, capabilities.get(f"{name}_available"))
        if not wanted:
            if not have:
                return False
        elif name.startswith("min_"):
            have = capabilities.get(name[4:], capabilities.get("max_" + name[4:]))
            if not isinstance(have, (int, float)) or have < float(wanted):
                return False
        elif str(have) != wanted:
            return False
    return True


def pending_folder(task_type: str, requirement: str, priority: int, key: str, length: int = MINUTE_LENGTH) -> str:
    """Where a task lies while it is ready or claimed; a greater `length` gives a finer folder."""
    if not 0 <= priority <= 9:
        raise BadInput(f"priority {priority} is outside 0..9")
    return f"pending/{task_type}/{requirement}/{priority}/{key[:length]}"


def ready_name(key: str, attempt: int, failures: int) -> str:
    """The name of a ready task."""
    return f"{key}.a{attempt:02d}.f{failures}.json"


def claimed_name(key: str, attempt: int, failures: int, worker: str) -> str:
    """The name of a claimed task: unique to the claimer, in the same folder.

    A shared destination name is no claim: on CIFS, Gluster, JuiceFS and MooseFS two hosts both get success.
    """
    return f"{key}.a{attempt:02d}.f{failures}.run~{worker}"


def delayed_path(entry: Entry, not_before: datetime, failures: int) -> str:
    """Where a task waits out its backoff."""
    stamp = not_before.strftime(TIME_FORMAT)[:15]
    name = ready_name(entry.key, entry.attempt, failures)
    folder = f"pending/{entry.task_type}/{entry.requirement}/delayed"
    return f"{folder}/{stamp}~{entry.priority}~{minute_of(entry.key)}~{name}"


def complete_day(task_type: str, key: str) -> str:
    """The folder of the leaves of a key's day."""
    return f"complete/{task_type}/{key[0:4]}/{key[4:6]}/{key[6:8]}"


def complete_folder(task_type: str, key: str, length: int = HOUR_LENGTH) -> str:
    """The leaf of a completed task, by the key's time; the hour's, or a finer one by a greater `length`."""
    return f"{complete_day(task_type, key)}/{key[9 : 9 + length]}"


def final_name(key: str, attempt: int, *, failed: bool) -> str:
    """The final record's name: a pure function of key and attempt."""
    return f"{key}.a{attempt:02d}{'.err.json' if failed else '.json'}"


def complete_path(task_type: str, key: str, attempt: int, *, failed: bool) -> str:
    """The final record's path in the leaf of its hour."""
    return f"{complete_folder(task_type, key)}/{final_name(key, attempt, failed=failed)}"


def rows_path(task_type: str, key: str, attempt: int) -> str:
    """The index rows beside a final record in the leaf of its hour."""
    return f"{complete_folder(task_type, key)}/{key}.a{attempt:02d}.rows.jsonl"


def rows_beside(record_path: str) -> str:
    """The path of the index rows beside a final record.

    >>> rows_beside("complete/T/2024/01/15/14/20240115T142500000000-x.a01.err.json")
    'complete/T/2024/01/15/14/20240115T142500000000-x.a01.rows.jsonl'
    """
    return f"{record_path.removesuffix('.json').removesuffix('.err')}.rows.jsonl"


def staging_folder(key: str, attempt: int) -> str:
    """Where an attempt puts all that it will publish."""
    return f"staging/{key}.a{attempt:02d}"


def parse_staging(name: str) -> tuple[str, int] | None:
    """Key and attempt of a staging folder's name."""
    match = re.fullmatch(r"(\d{8}T\d{12}-[A-Za-z0-9_-]{1,64})\.a(\d+)", name)
    return (match[1], int(match[2])) if match else None


def parse(path: str) -> Entry | None:
    """The task that a relative path names; None for anything else (rows, folders, strangers)."""
    parts = path.split("/")
    if parts[0] == "complete" and len(parts) == 7:
        return _parse_complete(path, parts)
    if parts[0] != "pending" or len(parts) < 5:
        return None
    if parts[3] == "delayed":
        return _parse_delayed(path, parts)
    match = _NAME.match(parts[-1])
    if match is None or match["failures"] is None or len(parts) != 6 or not parts[3].isdigit():
        return None
    if match["tail"] not in (".json",) and match["worker"] is None:
        return None
    return Entry(
        path=path,
        task_type=parts[1],
        key=match["key"],
        attempt=int(match["attempt"]),
        state="claimed" if match["worker"] else "ready",
        failures=int(match["failures"]),
        requirement=parts[2],
        priority=int(parts[3]),
        worker=match["worker"],
    )


def _parse_complete(path: str, parts: list[str]) -> Entry | None:
    match = _NAME.match(parts[-1])
    if match is None or match["tail"] not in (".json", ".err.json") or match["failures"] is not None:
        return None
    state = "failed" if match["tail"] == ".err.json" else "complete"
    return Entry(path, parts[1], match["key"], int(match["attempt"]), state)


def _parse_delayed(path: str, parts: list[str]) -> Entry | None:
    fields = parts[-1].split("~", 3)
    if len(parts) != 5 or len(fields) != 4 or not fields[1].isdigit():
        return None
    match = _NAME.match(fields[3])
    if match is None or match["failures"] is None:
        return None
    return Entry(
        path=path,
        task_type=parts[1],
        key=match["key"],
        attempt=int(match["attempt"]),
        state="delayed",
        failures=int(match["failures"]),
        requirement=parts[2],
        priority=int(fields[1]),
        not_before=fields[0],
    )
