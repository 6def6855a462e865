"""dc-doctor: is this host fit, and where is what?"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from dashtools.commands._run import Session, common
from dashtools.errors import DashtoolsError, TryLater

Finding = tuple[str, str, str]  # (ok | warning | bad), what, words


@click.group(invoke_without_command=True)
@common
@click.option(
    "--init", "is_init", is_flag=True, help="Make the spool and this host's own storages if they are not there."
)
def command(session: Session, is_init: bool) -> int:
    """Check this host: Python packages, tools, models, spool, storages, room; says what to do about each problem.

    The exit status is 0 when everything needed is there, 75 when something is away, 69 when something is missing.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return 0
    if is_init:
        _initialise(session)
        session.emit("spool", str(session.spool_path), path=str(session.spool_path))
        return 0
    worst = 0
    for grade, what, words in _findings(session):
        session.emit("finding", f"{grade:8}{what:12}{words}", grade=grade, what=what, words=words)
        if grade == "bad":
            worst = max(worst, 75 if what in ("spool", "storage") else 69)
    return worst


@command.command(name="share")
@common
@click.option("--wait", "wait_s", type=click.FloatRange(0), default=60.0, metavar="SECONDS", help="For a second host.")
def share_command(session: Session, wait_s: float) -> int:
    """Try out the share that holds the spool: run it on two hosts at once. Workers obey what it finds.

    Races for a file, exclusive creation, locks seen across hosts, freshness, names, clock, room, and the words for each
    mount option that is bad. The exit status is 70 where a spool would not be safe.
    """
    from dashtools.commands._share import examine

    return examine(session, wait_s)


@command.command(name="camera")
@common
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def camera_command(session: Session, file: Path) -> None:
    """Tell what camera made a clip and what is known of it: boxes, GPS, clock; for a report of an unknown camera."""
    from dashtools.backends import camera_report

    found = camera_report.report(file)
    if isinstance(found, str):
        session.emit("camera", found, text=found)
    else:
        session.emit_json("camera", **found)


def _initialise(session: Session) -> None:
    from dashtools.devices.storages import create_own_storages
    from dashtools.spool.queue import Spool

    Spool.create(session.spool_path)
    create_own_storages(session.config)


def _findings(session: Session) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    is_known = (3, 10) <= sys.version_info[:2] <= (3, 13)
    yield ("ok" if is_known else "warning", "python", f"{version} (supported: 3.10 to 3.13)")
    yield from _packages()
    yield from _programs()
    yield from _safely("spool", lambda: _spool(session))
    yield from _safely("models", lambda: _models(session))
    yield from _safely("storage", lambda: _storages(session))


def _safely(what: str, findings: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from findings()
    except DashtoolsError as error:
        yield ("bad", what, str(error))


def _packages() -> Iterator[Finding]:
    pairs = (
        ("onnxruntime", ("onnxruntime", "onnxruntime-gpu"), "bin/dc-up installs the right one"),
        (
            "cv2",
            ("opencv-python-headless", "opencv-python", "opencv-contrib-python"),
            "pip install opencv-python-headless",
        ),
        ("av", ("av",), "pip install av"),
        ("datasette", ("datasette",), "pip install 'dashtools[web]'"),
    )
    for module, names, cure in pairs:
        found = [f"{name} {importlib.metadata.version(name)}" for name in names if _is_installed(name)]
        if len(found) > 1:
            yield ("bad", "package", f"{' and '.join(found)} overwrite each other; keep one and reinstall it")
        elif not found or importlib.util.find_spec(module) is None:
            yield ("warning", "package", f"{module} is not installed; {cure}")
        else:
            yield ("ok", "package", found[0])


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _programs() -> Iterator[Finding]:
    from dashtools.backends.ffmpeg import find_ffmpeg

    try:
        yield ("ok", "ffmpeg", str(find_ffmpeg()))
    except DashtoolsError as error:
        yield ("bad", "ffmpeg", str(error))
    exiftool = shutil.which("exiftool")
    yield (
        "ok" if exiftool else "warning",
        "exiftool",
        exiftool or "not installed; some cameras' GPS needs it (optional)",
    )


def _spool(session: Session) -> Iterator[Finding]:
    spool = session.spool
    probe = f"tmp/doctor~{spool.me.worker}"
    spool.files.write(probe, b"probe")
    spool.files.rename(probe, probe + "~moved")
    skew_s = (spool.now().timestamp()) - _now()
    spool.files.unlink(probe + "~moved")
    yield ("ok", "spool", f"{spool.root} (uuid {spool.uuid})")
    grade = "ok" if abs(skew_s) < 60 else "warning"
    yield (
        grade,
        "clock",
        f"this host is {abs(skew_s):.1f} s from the file server (only the order of tasks depends on it)",
    )
    yield _room("spool", str(spool.root))


def _now() -> float:
    import time

    return time.time()


def _room(what: str, path: str) -> Finding:
    free = shutil.disk_usage(path).free
    return ("ok" if free > 2**30 else "warning", what, f"{free / 2**30:.1f} GiB free at {path}")


def _models(session: Session) -> Iterator[Finding]:
    from dashtools.devices import models

    for model in models.registry():
        if model.is_default:
            path = model.verified(session.config.models_dir)
            yield ("ok", "models", f"{model.name} ({model.licence}) {path}")


def _storages(session: Session) -> Iterator[Finding]:
    from dashtools.devices.storages import mounted_root

    for name, storage in sorted(session.config.storages.items()):
        try:
            root = mounted_root(storage)
        except TryLater as error:
            yield ("bad", "storage", str(error))
            continue
        yield ("ok", "storage", f"{name} at {root}{' (read-only)' if storage.is_read_only else ''}")
        if not storage.is_read_only:
            yield _room("storage", str(root))
