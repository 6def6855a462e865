"""dc-replay: would other settings or another model have found more in the videos already done?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from dashtools.commands._run import Session, common, lines_of_stdin

if TYPE_CHECKING:
    from dashtools.commands._replay import Difference, Replay


@click.command("dc-replay")
@common
@click.argument("videos", nargs=-1, metavar="[VIDEO]...")
@click.option("--profile", metavar="NAME", help="With the settings of this profile.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="With another value of processing.KEY.")
@click.option("--same", "shows_same", is_flag=True, help="Also a line for each plate that stays as it was.")
def command(
    session: Session, videos: tuple[str, ...], profile: str | None, changes: tuple[str, ...], shows_same: bool
) -> int:
    """Look at videos already done with other settings and print the plates gained, lost and changed.

    VIDEO is a video id or a clip's name, - reads them from stdin; without any, all are replayed. The results in the
    spool and the storages stay as they are: to take the new settings over, configure them and requeue the tasks.
    A clip whose files are gone is told of and passed over; the exit status is then that of what was missing.
    """
    from dashtools.commands._replay import Replay
    from dashtools.config import load
    from dashtools.devices.places import HostPlaces
    from dashtools.devices.tools import build_tools

    config = load(session.spool_path, session.config_option, flags=_flags(profile, changes))
    replay = Replay(build_tools(config.processing, config.models_dir), config.processing, HostPlaces(config).resolve)
    words = set(lines_of_stdin()) if videos == ("-",) else set(videos)
    return _replayed(session, replay, words, shows_same=shows_same)


def _replayed(session: Session, replay: Replay, words: set[str], *, shows_same: bool) -> int:
    """Tells of each video and of all together; the exit status."""
    from dashtools.commands._progress import Line
    from dashtools.commands._replay import compared, done_before
    from dashtools.errors import BadInput, DashtoolsError

    status, total, clips, bar = 0, Counter[str](), 0, Line()
    for task, before in done_before(session.spool, words):
        clip, clips = str(task.metadata.get("clip") or task.video_id), clips + 1
        bar.show(f"replaying {clip}")
        try:
            after = replay.plates(task)
        except DashtoolsError as error:
            if error.becomes != "flag":
                raise
            click.echo(f"dc-replay: {clip}: {error}", err=True)
            status = max(status, error.exit_status)
            continue
        finally:
            bar.clear()
        for found in compared(before, after):
            total[found.how] += 1
            if found.how != "same" or shows_same:
                _tell(session, task.video_id, clip, found)
    if words and not clips:
        raise BadInput(f"no video of {session.spool_path} was done as {' or '.join(sorted(words))}; dc-ls lists them")
    counts = {how: total[how] for how in ("gained", "lost", "changed", "same")}
    text = ", ".join(f"{count} {how}" for how, count in counts.items())
    session.emit("replay", f"{text} in {clips} clips", clips=clips, **counts)
    return status


def _flags(profile: str | None, changes: tuple[str, ...]) -> dict[str, object]:
    """The dotted keys of the options; values are JSON where they can be."""
    import orjson

    from dashtools.errors import Usage

    flags: dict[str, object] = {} if profile is None else {"host.profile": profile}
    for change in changes:
        key, sign, value = change.partition("=")
        if not sign:
            raise Usage(f"--set {change!r} is not KEY=VALUE; try --set sample_fps=10")
        try:
            flags[f"processing.{key.removeprefix('processing.')}"] = orjson.loads(value)
        except orjson.JSONDecodeError:
            flags[f"processing.{key.removeprefix('processing.')}"] = value
    if not flags:
        raise Usage("nothing to try: give --profile NAME or --set KEY=VALUE")
    return flags


def _tell(session: Session, video_id: str, clip: str, found: Difference) -> None:
    """One line: what became of a plate, and when in the clip."""
    seen = found.after or found.before
    assert seen is not None
    plate = found.before.plate if found.before else None
    new = found.after.plate if found.after else None
    text = f"{plate} -> {new}" if found.how == "changed" else seen.plate
    line = f"{found.how:8}{text:20}{clip} {seen.first_ms / 1000:.1f}-{seen.last_ms / 1000:.1f} s"
    times = {"first_pts_ms": seen.first_ms, "last_pts_ms": seen.last_ms, "confidence": seen.confidence}
    session.emit(found.how, line, video_id=video_id, clip=clip, before=plate, after=new, **times)
