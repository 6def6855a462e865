"""dc-privacy: plates on no list are forgotten after so many days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dashtools.commands._run import Session, common

if TYPE_CHECKING:
    from dashtools.devices.forgetting import Due, Forgetter


@click.command("dc-privacy")
@common
@click.option("--apply", "is_applied", is_flag=True, help="Forget what the report names; without it nothing is.")
@click.option("--clock-is-right", "is_sure", is_flag=True, help="Go on although nothing was completed for a month.")
@click.option("--hash", "plate", metavar="PLATE", help="Print the keyed hash of a plate and end.")
def command(session: Session, is_applied: bool, is_sure: bool, plate: str | None) -> int:
    """Report which plates on no list are older than global.privacy.after_days; --apply forgets them.

    By global.privacy.unlisted_plates they become keyed hashes (hash) or go with their rows (delete); their readings,
    crops and frames go in either case, in every record, document and index, also in one that is made anew. Pinned clips
    stay. Videos still show what they show: see docs/privacy.md. Status 75 when a storage is away or a clock is off.
    """
    from dashtools.devices.redaction import token

    rules = session.config.global_settings["privacy"]
    if plate is not None:
        text = token(_key(session), plate)
        session.emit("hash", text, hash=text)
        return 0
    if rules["unlisted_plates"] == "keep":
        click.echo("global.privacy.unlisted_plates is keep: nothing is forgotten", err=True)
        return 0
    forgetter = _forgetter(session, rules, is_sure=is_sure)
    if is_applied:
        return _apply(session, forgetter)
    for due in forgetter.due():
        _tell(session, "would_forget", due)
    return 0


def _key(session: Session) -> bytes:
    from dashtools.config_secrets import Secrets

    return Secrets.of(session.config).made_key("privacy_key")


def _forgetter(session: Session, rules: dict[str, object], *, is_sure: bool) -> Forgetter:
    """What decides, by what the spool says now; TryLater when a clock is off."""
    from dashtools.devices.forgetting import Forgetter
    from dashtools.devices.pins import pinned
    from dashtools.devices.recorded import Needed, read_records
    from dashtools.devices.redaction import Forgetting
    from dashtools.devices.removal import server_time
    from dashtools.devices.retention import check_clock
    from dashtools.spool import notes
    from dashtools.times import utc_now

    needed = Needed(session.spool)
    needed.look()  # before the records: a task that ends in between is then still seen as pending
    recorded, now = read_records(session.spool), utc_now()
    check_clock(now, server_time(session.spool), recorded.newest, is_sure=is_sure)
    current = notes.current(notes.said(session.spool))
    listed = [subject.partition(":")[2] for kind, subject in current if kind == "list"]
    corrections = {s.partition(":")[2]: note for (kind, s), note in current.items() if kind == "correction"}
    key = _key(session) if rules["unlisted_plates"] == "hash" else None
    return Forgetter(
        session.spool,
        session.config,
        recorded,
        needed,
        Forgetting(listed, key),
        float(str(rules["after_days"])),
        now,
        corrections,
        pinned(session.spool),
    )


def _apply(session: Session, forgetter: Forgetter) -> int:
    """Forgets; the worst of what stood against it."""
    from dashtools.commands.index import index_path
    from dashtools.errors import DashtoolsError
    from dashtools.index.refresh import refresh
    from dashtools.log import LOGGER
    from dashtools.spool import forgotten

    status, everything = 0, list(forgetter.due())
    if not everything and not forgotten.is_unfinished(session.spool):
        return 0
    with forgotten.change(session.spool):
        for due in everything:
            try:
                forgetter.forget(due)
            except DashtoolsError as error:
                LOGGER.warning("%s stays for now: %s", due.video_id, error)
                status = max(status, error.exit_status)
                continue
            _tell(session, "forgot", due)
    refresh(session.spool_path, index_path(session))
    return status


def _tell(session: Session, what: str, due: Due) -> None:
    text = f"{what:12} {due.video_id}  {due.fate.count} tracks, {due.pictures} pictures"
    session.emit(what, text, video_id=due.video_id, tracks=due.fate.count, pictures=due.pictures)
