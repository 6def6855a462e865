"""dc-index: makes, freshens and verifies the searchable index of a spool."""

from __future__ import annotations

from pathlib import Path

import click

from dashtools.commands._run import Session, common

INDEX_NAME = "index.db"


def index_path(session: Session, given: Path | None = None) -> Path:
    """Where this host's index of the session's spool lies: always on a local disk."""
    return given.absolute() if given is not None else session.config.state_dir / INDEX_NAME


@click.group(context_settings={"help_option_names": ["--help"]})
def command() -> None:
    """Make the index from the spool; it may be deleted at any time and is made again, row for row."""


DB_OPTION = click.option("--db", type=click.Path(path_type=Path), metavar="FILE", help="Another place for the index.")


@command.command()
@common
@DB_OPTION
def refresh(session: Session, db: Path | None) -> None:
    """Take over what is new in the spool, drop what went away."""
    from dashtools.index.refresh import refresh as bring_up_to_date

    _report(session, "refresh", bring_up_to_date(session.spool_path, index_path(session, db)))


@command.command()
@common
@DB_OPTION
def rebuild(session: Session, db: Path | None) -> None:
    """Make the index anew beside the old one, then put it in its place in one step."""
    from dashtools.index.refresh import rebuild as make_anew

    _report(session, "rebuild", make_anew(session.spool_path, index_path(session, db)))


@command.command()
@common
@DB_OPTION
def verify(session: Session, db: Path | None) -> None:
    """Compare the refreshed index with a rebuild, row for row; status 70 and the differences when they differ."""
    from dashtools.errors import TaskSystemError
    from dashtools.index.verify import verify as compare

    verdict = compare(session.spool_path, index_path(session, db))
    for line in verdict.differences:
        session.emit("difference", line, text=line)
    if not verdict.is_same:
        raise TaskSystemError(f"{len(verdict.differences)} differences; make it anew with: dc-index rebuild")
    text = f"same: {verdict.records} records, {verdict.rows} rows"
    session.emit("verify", text, records=verdict.records, rows=verdict.rows)


@command.command()
@common
@DB_OPTION
def path(session: Session, db: Path | None) -> None:
    """Print where the index lies."""
    where = str(index_path(session, db))
    session.emit("index", where, path=where)


def _report(session: Session, kind: str, report) -> None:  # type: ignore[no-untyped-def]
    text = f"{report.added} records added, {report.removed} removed in {report.seconds:.1f} s"
    if session.as_json:
        session.emit(kind, text, added=report.added, removed=report.removed, seconds=round(report.seconds, 3))
    elif report.is_changed or session.verbosity:
        click.echo(text, err=True)  # not a result: silence is success for timers
