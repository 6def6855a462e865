"""dc-check: is a clip whole, and if not, why?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dashtools.commands._run import Session, common, lines_of_stdin


@click.command("dc-check")
@common
@click.argument("clips", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option("--full", is_flag=True, help="Decode every frame and count the damage.")
def command(session: Session, clips: tuple[Path, ...], full: bool) -> int:
    """Say of each FILE whether it is whole, damaged or unreadable, and why.

    Looks at the container, the first frame and the last second; lines of stdin are read when no FILE is given.
    Exits with 65 when a file is unreadable, with 66 when one is missing; damaged files are usable.
    """
    status = 0
    for clip in clips or map(Path, lines_of_stdin()):
        verdict, reasons, failed = _verdict(clip, full)
        text = f"{clip}: {verdict}" + "".join(f"\n  {reason}" for reason in reasons)
        session.emit("check", text, path=str(clip), verdict=verdict, reasons=reasons)
        status = max(status, failed)
    return status


def _verdict(clip: Path, full: bool) -> tuple[str, list[str], int]:
    from dashtools.backends.decode import PyavDecoder
    from dashtools.backends.mp4 import check_container
    from dashtools.errors import InputMissing, UnreadableClip

    decoder = PyavDecoder()
    try:
        report = check_container(clip)
        decoder.facts(clip)
        reasons = list(report.findings)
        if full:
            reasons += _decoded(decoder, clip)
        elif not decoder.probe_tail(clip):
            reasons.append("the last second does not decode: the end is damaged")
    except UnreadableClip as error:
        return "unreadable", [error.reason], error.exit_status
    except InputMissing as error:
        return "missing", [str(error)], error.exit_status
    except OSError as error:
        return "unreadable", [error.strerror or str(error)], InputMissing.exit_status
    return ("damaged" if reasons else "whole"), reasons, 0


def _decoded(decoder: Any, clip: Path) -> list[str]:
    """What decoding every frame complained about."""
    from dashtools.ports import Damage

    damage = Damage()
    count = sum(1 for _ in decoder.frames(clip, damage))
    if not (damage.corrupt_frames or damage.decode_errors or damage.lost_frames):
        return []
    counts = f"{damage.corrupt_frames} corrupt, {damage.lost_frames} lost, {damage.decode_errors} decoding errors"
    return [f"{count} frames decoded: {counts}", *damage.messages]
