"""dc-ingest: new clips become tasks, and their INGEST_VIDEO tasks are done."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path

import click

from dashtools.commands._progress import Line, drawn
from dashtools.commands._run import Session, common
from dashtools.config import Storage
from dashtools.errors import DashtoolsError, TryLater
from dashtools.log import LOGGER
from dashtools.model import Task, with_changes
from dashtools.notices import ARRIVED, notices

MAX_WATCHES = 2000
MARKER = "STORAGE"  # the file that every storage of ours carries
POLL_S = (20.0, 40.0)  # jittered; shares send no notices, local folders wake us at once


@click.command()
@common
@click.argument(
    "folders", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="[FOLDER]..."
)
@click.option("--watch", is_flag=True, help="Go on looking for ever.")
@click.option("--publish-only", is_flag=True, help="Only publish the tasks; leave the work to other workers.")
@click.option("--list", "is_list", is_flag=True, help="Print the folders that are looked through, and end.")
@click.option(
    "--settle",
    "settle_s",
    type=float,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a clip must not have changed.",
)
def command(
    session: Session, folders: tuple[Path, ...], watch: bool, publish_only: bool, is_list: bool, settle_s: float
) -> int:
    """Look for new clips and publish a task for each, once for ever; prints the new paths.

    Each FOLDER is remembered as a read-only storage of this host; without one, all remembered folders and the raw
    folder of indoor_nas are looked through. A clip is known by its content: a second copy is no second clip.
    """
    from dashtools.config_store import register_folder

    for folder in folders:
        register_folder(session.config.host_file, folder)
    fresh = Session(session.spool_option, session.config_option, session.verbosity, session.as_json, session.host_id)
    if is_list:
        for place in _folders(fresh):
            session.emit("folder", str(place.folder), storage=place.storage, path=str(place.folder))
        return 0
    wanted = {folder.resolve() for folder in folders}
    status = _look(fresh, _wanted(fresh, wanted), settle_s)
    if not publish_only:
        status = max(status, _work(fresh))
    while watch:
        with notices(_tree(_wanted(fresh, wanted)), ARRIVED) as wait:
            wait(random.uniform(*POLL_S))
        status = _look(fresh, _wanted(fresh, wanted), settle_s)
        if not publish_only:
            _work(fresh)
    return status


@dataclass(frozen=True)
class Place:
    """A folder that clips come from: below `folder`, paths of the storage start with `prefix`."""

    storage: str
    folder: Path
    prefix: str = ""


def _folders(session: Session) -> list[Place]:
    """Everything that clips come from on this host; a mapped share that is away is among them."""
    found = []
    for name, storage in sorted(session.config.storages.items()):
        raw = storage.kinds.get("raw")
        if storage.root is None:
            continue
        if storage.is_read_only:
            found.append(Place(name, storage.root))
        elif raw is not None and ((storage.root / raw).is_dir() or _is_away(session, storage)):
            found.append(Place(name, storage.root / raw, f"{raw}/"))
    return found


def _is_away(session: Session, storage: Storage) -> bool:
    """Is it a share that is not mounted? The host's own storages are made when they are first needed."""
    root = storage.root
    return root is not None and root.parent != session.config.state_dir and not (root / MARKER).is_file()


def _wanted(session: Session, folders: set[Path]) -> list[Place]:
    """All places, or those that were asked for; anew for each look, for shares come and go."""
    return [place for place in _folders(session) if not folders or place.folder.resolve() in folders]


def _tree(places: list[Place]) -> list[Path]:
    """The folders to watch: each place and what lies below it, within reason (each costs a kernel watch)."""
    found = []
    for place in places:
        found += [place.folder, *(path for path in place.folder.rglob("*") if path.is_dir())][:MAX_WATCHES]
    return found


def _look(session: Session, places: list[Place], settle_s: float) -> int:
    """One pass over all folders; one that is away does not stop the others."""
    from dashtools.devices.intake import SeenLedger, intake
    from dashtools.devices.whole import is_whole
    from dashtools.stages.names import priority_of

    ledger = SeenLedger.load(session.config.state_dir / "cache" / "seen.json", session.spool.uuid)
    bar = Line()
    status = 0
    for place in places:
        folder = place.folder
        try:
            done = intake(
                folder,
                place.storage,
                ledger,
                lambda task, prefix=place.prefix: session.spool.publish(_placed(task, prefix)),  # type: ignore[misc]
                settle_s=settle_s,
                priority_of=priority_of,
                is_whole=is_whole,
                progress=lambda share, what: bar.show(f"taking in [{drawn(share)}] {what}"),
            )
        except TryLater as error:
            LOGGER.error("%s", error)
            status = TryLater.exit_status
            continue
        finally:
            bar.clear()
        for path in done.published:
            session.emit("task", str(path), path=str(path), task_type="INGEST_VIDEO")
        for path, reason in done.problems:
            LOGGER.error("%s/%s was not taken: %s", folder, path, reason)
        for path in done.unsettled:
            LOGGER.warning("%s/%s is still being written; the next look takes it", folder, path)
        LOGGER.info("%s: %d new, %d unchanged, %d known", folder, len(done.published), done.unchanged, done.known)
    return status


def _placed(task: Task, prefix: str) -> Task:
    inputs = tuple(replace(ref, path=f"{prefix}{ref.path}") for ref in task.inputs)
    return with_changes(task, inputs=inputs)


def _work(session: Session) -> int:
    from dashtools.commands._work import work

    try:
        return work(session, ["INGEST_VIDEO"], "drain")
    except DashtoolsError as error:
        LOGGER.error("%s", error)
        return error.exit_status
