"""dc-export: plates, sightings, trips and fixes for other programs, and a sighting or a span as evidence."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from dashtools.commands._run import Session, common

if TYPE_CHECKING:
    import sqlite3

    from dashtools.index.exports import Row

FORMATS = ("csv", "jsonl", "geojson", "gpx", "kml")


@click.group(context_settings={"help_option_names": ["--help"]})
def command() -> None:
    """Write plates, sightings, trips or fixes as CSV, JSON lines, GeoJSON, GPX or KML, or a span as evidence.

    The columns and their order are a promise. Times are UTC, and beside it local time where the clip's zone is known;
    time_method says where a clip's time comes from.
    """


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    for names, text in (
        (("--until", "until"), "Only before this time (RFC 3339 with zone, or a date in UTC)."),
        (("--since", "since"), "Only from this time on."),
        (("--trip", "trip_id"), "Only this trip."),
        (("--video", "video_id"), "Only this video."),
        (("--plate", "plate"), "Only this plate."),
    ):
        function = click.option(*names, help=text)(function)
    function = click.option(
        "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write here instead of stdout, whole."
    )(function)
    return click.option(
        "--format", "kind_of_text", type=click.Choice(FORMATS), help="The default is csv, jsonl with --json."
    )(function)


@command.command()
@common
@_options
def plates(session: Session, **options: Any) -> None:
    """Every plate with its counts and times; it has no place, so CSV or JSON lines."""
    _export(session, "plates", **options)


@command.command()
@common
@_options
def sightings(session: Session, **options: Any) -> None:
    """Every sighting with its time and place."""
    _export(session, "sightings", **options)


@command.command()
@common
@_options
def trips(session: Session, **options: Any) -> None:
    """Every trip; with its way in GeoJSON, GPX and KML."""
    _export(session, "trips", **options)


@command.command()
@common
@_options
def fixes(session: Session, **options: Any) -> None:
    """Every GPS fix of every clip, void ones too; as tracks in GPX and KML."""
    _export(session, "fixes", **options)


def _export(session: Session, kind: str, kind_of_text: str | None, output: Path | None, **given: str | None) -> None:
    from dashtools.commands import _formats
    from dashtools.index.exports import COLUMNS, Selection, filters_of, rows

    name = kind_of_text or ("jsonl" if session.as_json else "csv")
    if kind == "plates" and name not in ("csv", "jsonl"):
        raise click.UsageError("a plate has no place; export sightings, or plates as csv or jsonl")
    wrong = [key for key, value in given.items() if value is not None and key not in filters_of(kind)]
    if wrong:
        raise click.UsageError(f"{kind} cannot be chosen by {wrong[0].removesuffix('_id')}")
    times = {key: _time(given.pop(key)) for key in ("since", "until")}
    chosen = Selection(**given, **times)
    with open_index(session) as connection, _target(output) as stream:
        found = rows(connection, kind, chosen)
        if kind == "trips" and name not in ("csv", "jsonl"):
            found = _with_routes(connection, found)
        for text in _formats.FORMATS[name](COLUMNS[kind], found):
            stream.write(text)


def _with_routes(connection: sqlite3.Connection, found: Iterator[Row]) -> Iterator[Row]:
    from dashtools.index.exports import Selection, rows

    for row in list(found):  # SQLite lets no function be defined while another query is being read
        yield {**row, "route": list(rows(connection, "fixes", Selection(trip_id=row["trip_id"])))}


@contextlib.contextmanager
def open_index(session: Session) -> Iterator[sqlite3.Connection]:
    """The index of this host, brought up to date."""
    from dashtools.commands.index import index_path
    from dashtools.index import store
    from dashtools.index.refresh import refresh

    refresh(session.spool_path, index_path(session))
    connection = store.open_reading(index_path(session))
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def _target(output: Path | None) -> Iterator[IO[str]]:
    """Stdout, or a file that appears whole when all is written."""
    from dashtools.files import refusals

    if output is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    partial = output.with_name(f".{output.name}.part")
    try:
        with refusals(output):
            with open(partial, "w", encoding="utf-8", newline="") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, output)
    finally:
        partial.unlink(missing_ok=True)


def _time(text: str | None) -> str | None:
    """UTC text with milliseconds, as the index has it."""
    from dashtools.index.moments import stamp
    from dashtools.times import UTC, from_text

    if text is None:
        return None
    try:
        return stamp(from_text(f"{text}T00:00:00Z" if len(text) == 10 else text).astimezone(UTC))
    except ValueError as error:
        raise click.UsageError(f"{text!r} is no time: {error}") from error


@command.command()
@common
@click.argument("sighting_id", required=False, metavar="[SIGHTING]")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", required=True, help="The new folder.")
@click.option("--trip", "trip_id", metavar="TRIP", help="Every clip of a trip instead of one sighting.")
@click.option("--since", metavar="TIME", help="Everything from this time on (RFC 3339 with zone, or a date in UTC).")
@click.option("--until", metavar="TIME", help="Everything before this time.")
@click.option("--video", "video_id", metavar="VIDEO", help="Of this video only.")
@click.option("--pad", "pad_s", type=float, default=5.0, show_default=True, help="Seconds around a sighting.")
@click.option("--whole", "is_whole", is_flag=True, help="Whole originals instead of segments.")
def evidence(session: Session, output: Path, since: str | None, until: str | None, **asked: Any) -> None:
    """A folder with the originals' bytes, digests from intake on, reads, crops, GPS, a page and its own verify.py.

    Of a sighting, a trip, or all between two times. A clip that is wanted from end to end is copied whole, of others
    the segment by stream copy. Prints the seal: note it elsewhere, for it tells this folder from one that was made
    over.
    """
    from dashtools.commands._evidence import export_evidence
    from dashtools.commands._evidence_span import Wish

    wish = Wish(since=_time(since), until=_time(until), **asked)
    is_span = bool(wish.trip_id or wish.since or wish.until or wish.video_id)
    if (wish.sighting_id is None) != is_span:
        raise click.UsageError("name a SIGHTING, or a span by --trip, --video, --since and --until")
    with open_index(session) as connection:
        seal = export_evidence(session.spool, session.config, connection, wish, output.absolute())
    session.emit("evidence", f"{output} {seal}", path=str(output), seal=seal)
