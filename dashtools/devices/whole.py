"""Says whether all of a clip is there, by its container alone; what a power cut tore looks as one that still comes."""

from __future__ import annotations

from pathlib import Path

from dashtools.backends.mp4 import check_container
from dashtools.errors import InputMissing, UnreadableClip

LACKING = ("file ends at", "not in the file")


def refuse_partial(path: Path) -> None:
    """Passes when the container is whole as far as the file's length goes; UnreadableClip when it is not."""
    lacks = [finding for finding in check_container(path).findings if any(sign in finding for sign in LACKING)]
    if lacks:
        raise UnreadableClip(path.name, lacks[0])


def is_whole(path: Path) -> bool:
    """Is all of a clip there? False also for what is no clip."""
    try:
        refuse_partial(path)
    except (UnreadableClip, InputMissing, OSError):
        return False
    return True
