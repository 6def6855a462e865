"""dc-retain: what may be removed by the retention policies; removes it when told to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from dashtools.commands._run import Session, common

if TYPE_CHECKING:
    from dashtools.devices.clip_rows import Watched
    from dashtools.devices.retention import Judge, Verdict

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@click.command()
@common
@click.option("--apply", "is_applied", is_flag=True, help="Remove what the report names; without it nothing is.")
@click.option("--min-free", metavar="SIZE", help="Remove younger files too, oldest first, until so much is free (50G).")
@click.option("--trip", "trips", multiple=True, metavar="TRIP", help="Only clips of this trip; may be repeated.")
@click.option("--storage", "storages", multiple=True, metavar="NAME", help="Only this storage; may be repeated.")
@click.option("--kept", "is_with_kept", is_flag=True, help="Report what stays too, and why.")
@click.option("--clock-is-right", is_flag=True, help="Go on although nothing was completed for a month.")
@click.option(
    "--auto", "is_auto", is_flag=True, help="Take CLEANUP_STORAGE tasks, if global.retention_auto_apply is on."
)
@click.option("--pin", "pins", multiple=True, metavar="VIDEO", help="Keep everything of this video.")
@click.option("--unpin", "unpins", multiple=True, metavar="VIDEO", help="Let the policies rule this video again.")
@click.option("--pin-trip", "trip_pins", multiple=True, metavar="TRIP", help="Keep every video of this trip.")
@click.option("--unpin-trip", "trip_unpins", multiple=True, metavar="TRIP", help="Take those pins away.")
def command(session: Session, is_auto: bool, pins: tuple[str, ...], unpins: tuple[str, ...], **options: Any) -> int:
    """Report what global.storage_retention_days lets go, and why; --apply removes it.

    Nothing goes that is on a read-only storage, pinned, an event or locked clip, a clip with a watched plate, needed by
    a pending task, or not archived and verified. Where room is needed, clips that never moved or show no plate go
    first. What was removed stays known in the spool's notes/removed. Status 75 when a storage is away or a clock is
    off, 70 when something that was reported could not be removed.
    """
    pins += _videos_of(session, options["trip_pins"])
    unpins += _videos_of(session, options["trip_unpins"])
    if pins or unpins:
        return _note(session, pins, unpins)
    if is_auto:
        return _auto(session, options["clock_is_right"])
    min_free = _size(options["min_free"]) if options["min_free"] else 0
    chosen = frozenset(_videos_of(session, options["trips"])) if options["trips"] else None
    judge = judge_of(session, min_free, options["storages"], is_sure=options["clock_is_right"], video_ids=chosen)
    refused = 0
    for verdict in judge.verdicts():
        if not verdict.may_go:
            if options["is_with_kept"]:
                _tell(session, "kept", verdict, verdict.reason)
        elif not options["is_applied"]:
            _tell(session, "would_remove", verdict, verdict.reason)
        else:
            refused += not _remove(session, judge, verdict, is_sure=options["clock_is_right"])
    return 70 if refused else 0


def _videos_of(session: Session, trips: tuple[str, ...]) -> tuple[str, ...]:
    """Every video of these trips, as the index knows them; BadInput for a trip that it does not know."""
    from dashtools.commands.export import open_index
    from dashtools.errors import BadInput
    from dashtools.index import queries

    found: list[str] = []
    if trips:
        with open_index(session) as connection:
            for trip_id in trips:
                clips = queries.clips_of_trip(connection, trip_id)
                if not clips:
                    raise BadInput(f"no trip is named {trip_id!r}; dc-export trips lists them")
                found += [clip.video_id for clip in clips]
    return tuple(found)


def _watched(session: Session) -> Watched:
    """The watch list and people's corrections, as they are now."""
    from dashtools.devices.clip_rows import Watched
    from dashtools.spool import notes

    said = list(notes.said(session.spool))
    corrected = {s: n for (kind, s), n in notes.current(said).items() if kind == "correction"}
    return Watched(notes.listed(said, "watch"), {s.partition(":")[2]: str(n.value) for s, n in corrected.items()})


def judge_of(
    session: Session,
    min_free_bytes: int,
    storages: tuple[str, ...],
    *,
    is_sure: bool,
    video_ids: frozenset[str] | None = None,
) -> Judge:
    """A judge of what the spool says now; TryLater when a clock is off."""
    from dashtools.devices.recorded import Needed, read_records
    from dashtools.devices.removal import server_time
    from dashtools.devices.retention import Judge, Rules, check_clock
    from dashtools.times import utc_now

    for name in storages:
        if name not in session.config.storages:
            raise click.UsageError(f"no storage is named {name!r}; known: {', '.join(session.config.storages)}")
    needed = Needed(session.spool)
    needed.look()  # before the records: a task that ends in between is then still seen as pending
    recorded, now = read_records(session.spool, _watched(session)), utc_now()
    check_clock(now, server_time(session.spool), recorded.newest, is_sure=is_sure)
    rules = Rules(session.config.global_settings["storage_retention_days"], min_free_bytes, storages, video_ids)
    return Judge(session.spool, session.config, rules, recorded, needed, now)


def _remove(session: Session, judge: Judge, verdict: Verdict, *, is_sure: bool) -> bool:
    from dashtools.devices.removal import remove

    removed = remove(judge, verdict, is_clock_sure=is_sure)
    _tell(session, "removed" if removed.is_removed else "refused", verdict, removed.reason)
    return removed.is_removed


def _tell(session: Session, what: str, verdict: Verdict, reason: str) -> None:
    unit = verdict.unit
    text = f"{what:12} {unit.storage}:{unit.path}  {reason}"
    fields = {"policy": unit.policy, "storage": unit.storage, "path": unit.path, "video_id": unit.video_id}
    session.emit(what, text, **fields, size_bytes=unit.size_bytes, reason=reason)


def _note(session: Session, pins: tuple[str, ...], unpins: tuple[str, ...]) -> int:
    from dashtools.devices.pins import pin, unpin

    for change, what, video_ids in ((pin, "pinned", pins), (unpin, "unpinned", unpins)):
        for video_id in video_ids:
            if change(session.spool, video_id):
                session.emit(what, f"{what} {video_id}", video_id=video_id)
            else:
                click.echo(f"{video_id} was {what} already", err=True)
    return 0


def _auto(session: Session, is_sure: bool) -> int:
    """Takes the tasks of full disks; says so and does nothing where the configuration does not allow it."""
    import shutil

    from dashtools.devices.cleaning import work_cleanups
    from dashtools.devices.storages import mounted_root

    if not session.config.global_settings["retention_auto_apply"]:
        click.echo("global.retention_auto_apply is false: nothing is removed without --apply", err=True)
        return 0

    share = session.config.global_settings["cleanup_free_percent"] / 100

    def clean(storage: str) -> dict[str, Any]:
        total = shutil.disk_usage(mounted_root(session.config.storage(storage))).total
        judge = judge_of(session, int(total * share), (storage,), is_sure=is_sure)
        going = [verdict for verdict in judge.verdicts() if verdict.may_go]
        gone = [verdict.unit for verdict in going if _remove(session, judge, verdict, is_sure=is_sure)]
        return {"removed": len(gone), "removed_bytes": sum(unit.size_bytes for unit in gone)}

    for path in work_cleanups(session.spool, session.config, clean):
        session.emit("task", str(path), path=str(path))
    return 0


def _size(text: str) -> int:
    """Bytes of a size such as 50G.

    >>> _size("2K")
    2048
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise click.UsageError(f"{text!r} is no size; write it as 500M, 50G or 2T")
    return int(float(match[1]) * _UNITS[match[2].upper()])
