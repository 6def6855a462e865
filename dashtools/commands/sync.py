"""dc-sync: a camera's clips come into a folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dashtools.commands._progress import Line, drawn
from dashtools.commands._run import Session, common
from dashtools.errors import InputMissing, TryLater, Usage
from dashtools.log import LOGGER

if TYPE_CHECKING:
    from dashtools.ports import Camera


@click.command("dc-sync")
@common
@click.argument("source", metavar="CAMERA")
@click.argument("target", required=False, type=click.Path(file_okay=False, path_type=Path), metavar="[FOLDER]")
@click.option("--kind", type=click.Choice(["viofo", "blackvue", "card"]), help="What the source is, if not plain.")
@click.option("--newest-first", is_flag=True, help="Begin with the latest clips.")
@click.option("--locked-first/--no-locked-first", default=True, show_default=True, help="Locked and event clips first.")
@click.option("--locked-only", is_flag=True, help="Take locked and event clips and no others.")
@click.option("--delete-after", is_flag=True, help="Delete each clip on the camera once it is here and checked.")
@click.option("--timeout", "timeout_s", default=20.0, show_default=True, metavar="SECONDS", help="Longest wait.")
@click.option("--list", "is_list", is_flag=True, help="Print what the camera has, in order, and end.")
def command(
    session: Session,
    source: str,
    target: Path | None,
    kind: str | None,
    newest_first: bool,
    locked_first: bool,
    locked_only: bool,
    delete_after: bool,
    timeout_s: float,
    is_list: bool,
) -> int:
    """Bring the clips of CAMERA into FOLDER and print their paths; nothing is deleted unless told.

    CAMERA is the address of a Viofo or BlackVue (192.168.1.254, http://10.99.77.1) or the folder of a card. FOLDER is
    the raw folder of indoor_nas by default. A clip has its name only once it is whole; what breaks off goes on in
    the next run. Exits with 75 when the camera is away, with 65 when a clip could not be taken.
    """
    from dashtools.devices.sync import Wishes, ordered, sync
    from dashtools.devices.whole import refuse_partial
    from dashtools.stages.names import describe

    camera = _camera(source, kind, timeout_s)
    wishes = Wishes(newest_first, locked_first, locked_only, delete_after)
    if delete_after and not camera.can_delete:
        raise Usage(f"a {camera.kind} camera offers no way to delete; leave out --delete-after")

    def is_important(path: str) -> bool:
        said = describe(path)
        return said.is_event or said.is_locked

    if is_list:
        for clip in ordered(camera.clips(), wishes, is_important):
            session.emit("clip", clip.path, path=clip.path, size_bytes=clip.size_bytes, is_locked=clip.is_locked)
        return 0
    folder = _target(session, target)
    bar = Line()
    with _only_one(folder):
        try:
            done = sync(
                camera,
                folder,
                refuse_partial,
                wishes,
                is_important=is_important,
                progress=lambda share, what: bar.show(f"taking [{drawn(share)}] {what}"),
                taken=lambda path: session.emit("file", str(path), path=str(path)),
            )
        finally:
            bar.clear()
    for path, reason in done.problems:
        LOGGER.error("%s was not taken: %s", path, reason)
    LOGGER.info("%s: %d taken, %d were here, %d deleted there", source, len(done.taken), done.present, done.deleted)
    return 65 if done.problems else 0


def _camera(source: str, kind: str | None, timeout_s: float) -> Camera:
    """What answers under an address; a folder that exists is a card."""
    from dashtools.backends.camera_http import BlackVueCamera, ViofoCamera
    from dashtools.devices.card import CardCamera

    if kind == "card" or (kind is None and Path(source).is_dir()):
        return CardCamera(Path(source))
    if kind == "blackvue":
        return BlackVueCamera(source, timeout_s=timeout_s)
    if kind == "viofo":
        return ViofoCamera(source, timeout_s=timeout_s)
    if source.startswith(("/", "./", "../")):
        raise InputMissing(f"{source} is not there; is the card in?")
    for camera in (ViofoCamera(source, timeout_s=timeout_s), BlackVueCamera(source, timeout_s=timeout_s)):
        if camera.answers():
            return camera
    raise TryLater(f"{source} does not answer as a Viofo or BlackVue; is the camera on and this its Wi-Fi?")


def _target(session: Session, target: Path | None) -> Path:
    if target is not None:
        if not target.is_dir():
            raise InputMissing(f"{target}: no such folder; make it, or mount what should be there")
        return target
    storage = session.config.storages.get("indoor_nas")
    raw = storage.kinds.get("raw") if storage else None
    if storage is None or storage.root is None or raw is None:
        raise Usage("name the FOLDER: indoor_nas has no raw folder on this host")
    if not storage.root.is_dir():
        raise TryLater(f"{storage.root} is not there; is the share mounted?")
    folder = storage.root / raw
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """A lock of the folder, held while clips come."""
    from filelock import FileLock, Timeout

    lock = FileLock(str(folder / ".dc-sync.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TryLater(f"another dc-sync fills {folder}") from error
    try:
        yield
    finally:
        lock.release()
