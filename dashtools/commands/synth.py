"""dc-synth: a short synthetic drive of known truth."""

from __future__ import annotations

import re
from pathlib import Path

import click

from dashtools.commands._run import Session, common
from dashtools.errors import Usage


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of WIDTHxHEIGHT, both even as H.264 wants them.

    >>> parse_size("1280x720")
    (1280, 720)
    """
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    if match is None:
        raise Usage(f"--size {text!r} is not WIDTHxHEIGHT; try 1280x720")
    width, height = int(match[1]), int(match[2])
    if width % 2 or height % 2 or width < 160 or height < 120:
        raise Usage(f"--size {text!r} needs even sides of at least 160x120; try 1280x720")
    return width, height


@click.command()
@common
@click.argument("outdir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seconds", type=click.IntRange(2, 600), default=12, show_default=True, help="Length of each clip.")
@click.option("--clips", type=click.IntRange(1, 100), default=2, show_default=True, help="Clips in a row.")
@click.option("--fps", type=click.IntRange(1, 60), default=10, show_default=True, help="Frames per second.")
@click.option("--size", default="1280x720", show_default=True, help="Picture size, WIDTHxHEIGHT.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other plates and scenery.")
def command(session: Session, outdir: Path, seconds: int, clips: int, fps: int, size: str, seed: int) -> None:
    """Write a made-up drive into OUTDIR and print one path per clip.

    The clips carry H.264 pictures of cars with made-up plates and a Novatek GPS recording;
    a .json beside each says every plate's text and box and every fix.
    """
    width, height = parse_size(size)
    from dashtools.backends.synth import Plan, make_drive

    for path in make_drive(outdir, Plan(seconds, clips, fps, width, height, seed)):
        session.emit("clip", str(path), path=str(path))
