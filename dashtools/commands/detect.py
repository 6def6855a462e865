"""dc-detect: plates in pictures or clips, without any queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dashtools.commands._run import Session, common, lines_of_stdin

if TYPE_CHECKING:
    from dashtools.devices.tools import Tools

_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}


@click.command("dc-detect")
@common
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option("--draw", type=click.Path(path_type=Path), metavar="DIR", help="Annotated pictures go here.")
def command(session: Session, files: tuple[Path, ...], draw: Path | None) -> int:
    """Print one JSON line for each plate-like box of each FILE, a picture or a clip; no spool is needed.

    A line has type "read", path, frame, box (source pixels), score, text, confidence and refused (null, or why this
    reading alone is no plate). Clips are sampled and filtered as PREPROCESS would. Lines of stdin are read when no
    FILE is given. Exits with 65 when a file is unreadable, with 66 when one is missing.
    """
    from dashtools.errors import DashtoolsError

    settings, tools = chosen(session)
    status = 0
    for path in files or map(Path, lines_of_stdin()):
        try:
            for frame, picture in _pictures(path, tools, settings):
                _print(path, frame, picture, tools, settings, draw)
        except DashtoolsError as error:
            click.echo(f"dc-detect: {error}", err=True)
            status = max(status, error.exit_status)
            if error.becomes != "flag":
                return status
    return status


def chosen(session: Session) -> tuple[Mapping[str, Any], Tools]:
    """This host's settings and tools; without a spool yet, the defaults."""
    from dashtools.config import DEFAULT_PROCESSING
    from dashtools.devices.tools import build_tools
    from dashtools.errors import TryLater

    try:
        return session.config.processing, build_tools(session.config.processing, session.config.models_dir)
    except TryLater:
        return DEFAULT_PROCESSING, build_tools(DEFAULT_PROCESSING)


def _pictures(path: Path, tools: Tools, settings: Mapping[str, Any]) -> Iterator[tuple[int, Any]]:
    from dashtools.errors import InputMissing, UnreadableClip
    from dashtools.stages.selection import Rules, Selection

    if not path.is_file():
        raise InputMissing(f"{path}: no such file")
    if path.suffix.lower() not in _PICTURES:
        rules = Rules(float(settings["sample_fps"]), float(settings["motion_threshold"]))
        for choice in Selection(rules).choose(tools.decoder.frames(path)):
            yield choice.frame_index, choice.picture
        return
    import cv2

    picture = cv2.imread(str(path))
    if picture is None:
        raise UnreadableClip(path.name, "no picture that OpenCV can read")
    yield 0, picture


def _print(path: Path, frame: int, picture: Any, tools: Tools, settings: Mapping[str, Any], draw: Path | None) -> None:
    import cv2
    import orjson

    from dashtools.stages.pictures import annotated, read_picture

    found = read_picture(tools.detector, tools.reader, picture, settings)
    for entry in found:
        click.echo(orjson.dumps({"type": "read", "path": str(path), "frame": frame, **entry}))
    if draw is not None:
        draw.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(draw / f"{path.stem}-{frame:06d}.jpg"), annotated(picture, found))
