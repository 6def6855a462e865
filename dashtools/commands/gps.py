"""dc-gps: a clip's own track, a line a slot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dashtools.commands._run import Session, common, lines_of_stdin, shown

if TYPE_CHECKING:
    from dashtools.model import Track

FIELDS = ("utc", "latitude", "longitude", "speed_mps", "bearing_deg", "is_valid")


@click.command("dc-gps")
@common
@click.argument("clips", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option("--gpx", "as_gpx", is_flag=True, help="Print one GPX document with a track for each FILE instead.")
def command(session: Session, clips: tuple[Path, ...], as_gpx: bool) -> int:
    """Print each slot of a clip's GPS recording as a JSON line: video time, UTC, position, speed, bearing.

    FILE may also be a log itself (NMEA, BlackVue .gps, 70mai text, GPX, SRT). Void slots have a time and nulls.
    Which reader found it, and why there is no track, goes to stderr. Exits with 65 when a file holds no track and
    cannot be read as a clip either, with 66 when one is missing.
    """
    status, tracks = 0, []
    for clip in clips or map(Path, lines_of_stdin()):
        track, failed = _track(clip)
        status = max(status, failed)
        if track is None:
            continue
        if as_gpx:
            tracks.append((track, shown(Path(clip.name)), None))
        else:
            _print(session, clip, track)
        note = f", {track.note}" if track.note else ""
        valid = sum(fix.is_valid for fix in track.fixes)
        click.echo(f"{shown(clip)}: {valid} fixes in {len(track.fixes)} slots, read by {track.reader}{note}", err=True)
    if as_gpx:
        from dashtools.stages.gpx import gpx_of

        click.echo(gpx_of(tracks))
    return status


def _track(clip: Path) -> tuple[Track | None, int]:
    """The track of a clip or of a log, and the exit status; a track is also read from clips that do not decode."""
    from dashtools.backends.decode import PyavDecoder
    from dashtools.backends.gps import log_readers, readers
    from dashtools.errors import BadInput, InputMissing, UnreadableClip
    from dashtools.ports import ClipFacts
    from dashtools.stages.ingest import read_track

    unknown, failed = ClipFacts(0, 0, "", 0.0, 0.0, None, 0, False), None
    if clip.exists() and not clip.is_file():  # opening a pipe would wait for its writer
        click.echo(f"dc-gps: {shown(clip)} is no file", err=True)
        return None, BadInput.exit_status
    try:
        for reader in log_readers(clip):
            track = reader.read(clip, unknown)
            if track is not None:
                return track, 0
        try:
            facts = PyavDecoder().facts(clip)
        except UnreadableClip as error:
            facts, failed = unknown, error
        track = read_track(readers(), clip, facts)
    except FileNotFoundError:
        click.echo(f"dc-gps: {shown(clip)} is not there", err=True)
        return None, InputMissing.exit_status
    except OSError as error:
        click.echo(f"dc-gps: {shown(clip)}: {error.strerror}", err=True)
        return None, InputMissing.exit_status
    if failed is not None and not track.fixes:
        click.echo(f"dc-gps: {failed}", err=True)
        return None, failed.exit_status
    return track, 0


def _print(session: Session, clip: Path, track: Track) -> None:
    for slot, fix in enumerate(track.fixes):
        values = {name: getattr(fix, name) for name in FIELDS}
        session.emit_json("fix", path=shown(clip), slot=slot, pts_ms=fix.t_ms, **values, reader=track.reader)
