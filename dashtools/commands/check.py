"""dc-check: is a clip whole, and if not, why and where?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from dashtools.commands._run import Session, common, lines_of_stdin, shown

DAMAGED_STATUS = 65
PLACES = (
    re.compile(r"(?:at|before|from) byte (\d+)"),
    re.compile(r"(?:file ends (?:at|after)|lowest at byte) (\d+)"),
)
WRONG_FROM_THE_START = ("the file is empty", "not an MP4", "no container that libav can open")


@click.command("dc-check")
@common
@click.argument("clips", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option("--full", is_flag=True, help="Decode every frame and count the damage.")
def command(session: Session, clips: tuple[Path, ...], full: bool) -> int:
    """Say of each FILE whether it is whole, damaged or unreadable, and why: a JSON line a file.

    Looks at the container, the first frame and the last second; lines of stdin are read when no FILE is given.
    Exits with 65 when a file is damaged or unreadable, with 66 when one is missing; `verdict` tells damaged files,
    which are usable, from unreadable ones. `offset` is the first byte that the reasons speak of.
    """
    status = 0
    for clip in clips or map(Path, lines_of_stdin()):
        verdict, reasons, failed, container = _verdict(clip, full)
        reason = reasons[0] if reasons else None
        session.emit_json(
            "check",
            path=shown(clip),
            ok=verdict == "whole",
            reason=reason,
            offset=_offset(reasons),
            verdict=verdict,
            container=container,
            reasons=reasons,
        )
        status = max(status, failed)
    return status


def _offset(reasons: list[str]) -> int | None:
    """The byte that the reasons name first; 0 for a file wrong from its first byte; None where none is named."""
    for reason in reasons:
        for place in PLACES:
            if found := place.search(reason):
                return int(found[1])
        if reason.startswith(WRONG_FROM_THE_START):
            return 0
    return None


def _verdict(clip: Path, full: bool) -> tuple[str, list[str], int, str | None]:
    """The verdict, its reasons, the exit status, and what kind of container it is."""
    from dashtools.backends.decode import PyavDecoder
    from dashtools.backends.mp4 import check_container
    from dashtools.errors import InputMissing, UnreadableClip

    decoder, container = PyavDecoder(), None
    try:
        report = check_container(clip)
        container = report.format
        facts = decoder.facts(clip)
        reasons = list(report.findings)
        if facts.lost_head_ms:
            reasons.append(f"the first {facts.lost_head_ms / 1000:.1f} s do not decode")
        if full:
            reasons += _decoded(decoder, clip)
        elif (byte := decoder.damaged_tail_at(clip)) is not None:
            reasons.append(f"the last second does not decode: the end is damaged from byte {byte} on")
    except UnreadableClip as error:
        return "unreadable", [error.reason], error.exit_status, container
    except (InputMissing, FileNotFoundError):
        return "missing", ["there is no such file"], InputMissing.exit_status, container
    except OSError as error:
        return "unreadable", [error.strerror or str(error)], InputMissing.exit_status, container
    return ("damaged", reasons, DAMAGED_STATUS, container) if reasons else ("whole", [], 0, container)


def _decoded(decoder: Any, clip: Path) -> list[str]:
    """What decoding every frame complained about."""
    from dashtools.ports import Damage

    damage = Damage()
    count = sum(1 for _ in decoder.frames(clip, damage))
    if not (damage.corrupt_frames or damage.decode_errors or damage.lost_frames):
        return []
    counts = f"{damage.corrupt_frames} corrupt, {damage.lost_frames} lost, {damage.decode_errors} decoding errors"
    return [f"{count} frames decoded: {counts}", *damage.messages]
