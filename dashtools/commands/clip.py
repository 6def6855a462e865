"""dc-clip: the part of a clip that shows a sighting, to give to somebody."""

from __future__ import annotations

from pathlib import Path

import click

from dashtools.commands._run import Session, common


@click.command("dc-clip")
@common
@click.argument("sighting_id", metavar="SIGHTING")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", required=True, help="The new clip.")
@click.option("--pad", "pad_s", type=click.FloatRange(0), default=5.0, show_default=True, help="Seconds around it.")
@click.option("--exact", "is_exact", is_flag=True, help="Begin at the very moment: encoded anew, not copied.")
@click.option("--blur-others", "is_veiled", is_flag=True, help="Hide every other plate that was found; encoded anew.")
@click.option("--search", "is_searching", is_flag=True, help="With --blur-others: look for plates in each picture too.")
@click.option("--from", "source", type=click.Choice(("original", "archive")), help="From this copy and no other.")
@click.option("--no-sound", "has_sound", is_flag=True, default=True, flag_value=False, help="Leave voices out.")
@click.option(
    "--no-gps", "has_track", is_flag=True, default=True, flag_value=False, help="Write no FILE.gpx beside it."
)
def command(
    session: Session,
    sighting_id: str,
    output: Path,
    pad_s: float,
    is_exact: bool,
    is_veiled: bool,
    is_searching: bool,
    source: str | None,
    has_sound: bool,
    has_track: bool,
) -> None:
    """Cut a clip around SIGHTING out of the original, or of the archive copy where that is gone; prints the new path.

    Without --exact the pictures are the original's own, from the keyframe before. With --blur-others all plates but the
    sighting's are reduced to patches of colour, where boxes were found and between them; what HEAVY never found stays
    readable unless --search finds it. Faces are not hidden: there is no model for them.
    """
    from dashtools.commands._clip import Wish, cut, part_of, write_track
    from dashtools.commands.export import open_index
    from dashtools.errors import BadInput

    if is_searching and not is_veiled:
        raise click.UsageError("--search is for --blur-others")
    if output.exists():
        raise BadInput(f"{output} is there already; a clip is never written over")
    if not output.parent.is_dir():
        raise BadInput(f"{output.parent} is no folder")
    with open_index(session) as connection:
        wish = Wish(sighting_id, pad_s, source, is_exact, has_sound)
        part = part_of(session.config, connection, wish)
        if part.source == "archive" and source is None:
            click.echo("the original is not there: cut out of the archive copy", err=True)
        hidden = None
        if is_veiled:
            hidden = _veiled(session, connection, part, output, is_searching=is_searching, has_sound=has_sound)
        else:
            cut(part, output, is_exact=is_exact, has_sound=has_sound)
        fixes = write_track(connection, part, output.with_name(f"{output.name}.gpx")) if has_track else 0
    fields = {"path": str(output), "source": part.source, "from_ms": part.start_ms, "to_ms": part.end_ms}
    session.emit("clip", str(output), **fields, fixes=fixes, hidden_tracks=hidden, are_faces_hidden=False)


def _veiled(session, connection, part, output, *, is_searching: bool, has_sound: bool) -> int:  # type: ignore[no-untyped-def]
    """Writes the clip; how many other plates were known in it."""
    from dashtools.commands._clip import cut_veiled, veil_for
    from dashtools.commands._progress import Line, drawn

    detector = None
    if is_searching:
        from dashtools.devices.tools import build_tools

        detector = build_tools(session.config.processing, session.config.models_dir).detector
    veil, bar = veil_for(session.config, connection, part), Line()
    try:
        cut_veiled(
            part,
            output,
            veil,
            detector=detector,
            min_score=float(session.config.processing["min_score"]) / 2,
            has_sound=has_sound,
            progress=lambda share: bar.show(f"{output.name} [{drawn(share)}] {share:4.0%}"),
        )
    finally:
        bar.clear()
    click.echo("faces are not hidden: there is no model for them", err=True)
    return len(veil.tracks) - 1
