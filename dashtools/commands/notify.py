"""dc-notify: tells receivers of sightings of watched plates."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from dashtools.commands._run import Session, common

if TYPE_CHECKING:
    from dashtools.commands._notify import Alert, Notifier

POLL_S = 30.0


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["--help"]})
@common
@click.option("--watch", "is_watching", is_flag=True, help="Go on for ever; wake when something is published.")
@click.option("--once", "is_once", is_flag=True, help="Send what is due and end (the default).")
@click.pass_context
def command(context: click.Context, session: Session, is_watching: bool, is_once: bool) -> int | None:
    """Tell the webhook, the MQTT broker and Apprise of new sightings of plates on the watch list.

    An alert has a stable id, is sent at least once whatever is killed when, and never again once its receiver took it.
    Prints a line for each that was taken. Exits with 75 when a receiver did not take one: the next run tries again.
    """
    if context.invoked_subcommand is not None:
        return None
    if is_once and is_watching:
        raise click.UsageError("--once and --watch exclude each other")
    from dashtools.commands._notify import Notifier, channels_of

    with _alone(session), channels_of(session.config) as channels:
        notifier = Notifier(session.spool, session.config, channels, told=_teller(session))
        if is_watching:
            _watch(session, notifier)
        return 75 if _round(session, notifier) else 0


@command.command()
@common
@click.argument("plate")
@click.option("--match", "way", type=click.Choice(("exact", "look_alikes", "near")), help="Instead of what is set.")
def preview(session: Session, plate: str, way: str | None) -> None:
    """Print which sightings in the index an entry for PLATE would mean, and why; nothing is sent."""
    from dashtools.commands.export import open_index
    from dashtools.confusables import normal
    from dashtools.index import watch

    wanted, rules = normal(plate), session.config.global_settings["notifications"]
    if not wanted:
        raise click.UsageError(f"{plate!r} holds no letter and no digit")
    with open_index(session) as connection:
        found = watch.hits(connection, [wanted], way or rules["match"], min_confidence=rules["min_confidence"])
        for hit in found:
            seen = hit.sighting
            fields = {"sighting_id": seen.sighting_id, "plate": seen.plate, "reason": hit.reason}
            text = f"{seen.plate:10} {seen.seen_at or 'at an unknown time':24} {seen.sighting_id}  {hit.reason}"
            session.emit("match", text, **fields, seen_at=seen.seen_at, confidence=seen.confidence)


@command.command()
@common
@click.argument("alert_ids", nargs=-1, required=True, metavar="ALERT...")
def ack(session: Session, alert_ids: tuple[str, ...]) -> None:
    """Acknowledge alerts by hand: no receiver gets them any more."""
    from dashtools.spool import alerts

    for alert_id in alert_ids:
        alerts.acknowledge(session.spool, alert_id, alerts.EVERY, "acknowledged by hand")
        session.emit("acknowledged", f"acknowledged {alert_id}", alert_id=alert_id)


@command.command()
@common
def pending(session: Session) -> None:
    """Print the ids of alerts that are due and that not every receiver took; nothing is sent."""
    from dashtools.commands._notify import channels_of, due
    from dashtools.commands.export import open_index
    from dashtools.spool import alerts

    with channels_of(session.config) as channels, open_index(session) as connection:
        for alert in due(session.spool, session.config, connection):
            names = [c.name for c in channels if not alerts.is_acknowledged(session.spool, alert.alert_id, c.name)]
            if names:
                text = f"{alert.alert_id} {alert.hit.sighting.sighting_id}  {', '.join(names)}"
                fields = {"alert_id": alert.alert_id, "sighting_id": alert.hit.sighting.sighting_id}
                session.emit("pending", text, **fields, channels=names)


def _teller(session: Session):  # type: ignore[no-untyped-def]
    def told(alert: Alert, channel: str, answer: str) -> None:
        sighting_id = alert.hit.sighting.sighting_id
        text = f"{alert.alert_id} {sighting_id} {channel}: {answer}"
        session.emit("alert", text, alert_id=alert.alert_id, sighting_id=sighting_id, channel=channel, answer=answer)

    return told


@contextlib.contextmanager
def _alone(session: Session) -> Iterator[None]:
    """Holds this host's lock: two at once would send an alert twice."""
    from filelock import FileLock, Timeout

    from dashtools.errors import TryLater

    session.config.state_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(session.config.state_dir / "notify.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TryLater("another dc-notify is at work on this host") from error
    try:
        yield
    finally:
        lock.release()


def _round(session: Session, notifier: Notifier) -> int:
    from dashtools.commands.export import open_index

    with open_index(session) as connection:
        return notifier.round(connection)


def _watch(session: Session, notifier: Notifier) -> None:
    from dashtools.errors import OutputRefused, TryLater
    from dashtools.log import LOGGER
    from dashtools.notices import PUBLISHED, notices

    with notices([session.spool.root / name for name in ("tmp", "staging")], PUBLISHED) as wait:
        while True:
            try:
                _round(session, notifier)
            except (TryLater, OutputRefused) as error:
                LOGGER.warning("%s", error)
            wait(notifier.rest_s(POLL_S))
