"""What `dc-doctor share` found out about the share, kept beside VERSION; workers obey it."""

from __future__ import annotations

import orjson

from dashtools.errors import TaskSystemError
from dashtools.model import Json
from dashtools.spool.atomic import Files

VERDICT = "SHARE"


def verdict(files: Files) -> Json:
    """The findings of the last probe; empty when there was none."""
    try:
        value = orjson.loads(files.read(VERDICT))
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def are_locks_visible(files: Files) -> bool:
    """Was it proved from two hosts that one sees the other's locks?"""
    return verdict(files).get("locks_visible") is True


def refuse_unsafe(files: Files) -> None:
    """TaskSystemError on a share where two hosts can win the same task."""
    if verdict(files).get("unique_rename") is False:
        raise TaskSystemError(
            f"{files.root}: dc-doctor share saw two hosts win the same file here; a spool needs another file system"
        )


def write(files: Files, found: Json, worker: str) -> None:
    """Keeps the findings."""
    files.replace(VERDICT, orjson.dumps(found, option=orjson.OPT_INDENT_2), f"tmp/share~{worker}")
