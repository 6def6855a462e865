"""dc-gps: a clip's own track, a line a slot."""

from __future__ import annotations

from pathlib import Path

import click

from dashtools.commands._run import Session, common, lines_of_stdin


@click.command("dc-gps")
@common
@click.argument("clips", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
def command(session: Session, clips: tuple[Path, ...]) -> int:
    """Print each slot of a clip's GPS recording: video time, UTC, latitude, longitude, speed, bearing.

    Columns are separated by tabs; void slots have a time and nothing else. Which reader found it, and why there is
    no track, goes to stderr. Exits with 65 when a file is unreadable, with 66 when one is missing.
    """
    status = 0
    for clip in clips or map(Path, lines_of_stdin()):
        status = max(status, _print(session, clip))
    return status


def _print(session: Session, clip: Path) -> int:
    from dashtools.backends.decode import PyavDecoder
    from dashtools.backends.gps import readers
    from dashtools.backends.mp4 import check_container
    from dashtools.errors import DashtoolsError
    from dashtools.stages.ingest import read_track

    try:
        check_container(clip)
        track = read_track(readers(), clip, PyavDecoder().facts(clip))
    except DashtoolsError as error:
        click.echo(f"dc-gps: {error}", err=True)
        return error.exit_status
    for slot, fix in enumerate(track.fixes):
        values = (fix.latitude, fix.longitude, fix.speed_mps, fix.bearing_deg)
        shown = [f"{value:.{digits}f}" if value is not None else "" for value, digits in zip(values, (7, 7, 2, 1))]
        text = "\t".join([f"{fix.t_ms / 1000:.3f}", fix.utc or "", *shown])
        session.emit("fix", text, path=str(clip), slot=slot, reader=track.reader, **fix.to_json())
    note = f", {track.note}" if track.note else ""
    valid = sum(fix.is_valid for fix in track.fixes)
    click.echo(f"{clip}: {valid} fixes in {len(track.fixes)} slots, read by {track.reader}{note}", err=True)
    return 0
