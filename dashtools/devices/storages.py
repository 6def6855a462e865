"""Where the files of a task lie on this host; an unmounted share is told from a missing file."""

from __future__ import annotations

import os
import uuid
from pathlib import Path, PurePosixPath

import orjson

from dashtools.config import Config, Storage
from dashtools.errors import BadInput, InputMissing, OutputRefused, TryLater
from dashtools.files import refusals, write_whole
from dashtools.model import FileRef

MARKER = "STORAGE"


def create_storage(root: Path, name: str) -> str:
    """The uuid in the root's STORAGE file, which is made when absent; a root of another name is refused."""
    marker = root / MARKER
    if marker.exists():
        known = _marker(marker)
        if known.get("name") != name:
            raise BadInput(f"{root} is the storage {known.get('name')!r}, not {name!r}; map it under that name")
        return str(known["uuid"])
    made = {"name": name, "uuid": str(uuid.uuid4())}
    write_whole(marker, orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    return made["uuid"]


def create_own_storages(config: Config) -> list[Path]:
    """Roots made for the storages that lie inside this host's own state folder; mapped shares are left alone."""
    made: list[Path] = []
    for storage in config.storages.values():
        if storage.root is not None and not storage.is_read_only and storage.root.parent == config.state_dir:
            create_storage(storage.root, storage.name)
            made.append(storage.root)
    return made


def mounted_root(storage: Storage) -> Path:
    """The storage's root, certainly mounted; TryLater says what is wrong otherwise."""
    root = storage.root
    if root is None:
        raise TryLater(
            f"storage {storage.name!r} is not mapped on this host; give its path in host.storages of the host file"
        )
    if storage.is_read_only:
        try:
            with os.scandir(root) as entries:
                if next(entries, None) is not None:
                    return root
        except OSError as error:
            raise TryLater(f"storage {storage.name!r} at {root}: {error.strerror}; is it mounted?") from error
        raise TryLater(f"storage {storage.name!r} at {root} is empty; is it mounted?")
    try:
        known = _marker(root / MARKER)
    except OSError as error:
        reason = "is the share mounted?" if isinstance(error, FileNotFoundError) else error.strerror
        raise TryLater(f"storage {storage.name!r}: no {MARKER} file can be read in {root}; {reason}") from error
    if known.get("name") != storage.name:
        raise TryLater(f"{root} is mounted, but it is the storage {known.get('name')!r}, not {storage.name!r}")
    return root


def resolve(config: Config, ref: FileRef) -> Path:
    """The local path of a task's file.

    BadInput for a path that leaves its storage, TryLater while the storage is away, InputMissing when the
    storage is there and the file is not.
    """
    root = mounted_root(config.storage(ref.device))
    try:
        path = inside(root, ref.path)
        is_there = path.exists()
    except OSError as error:
        raise TryLater(f"storage {ref.device!r} at {root} does not answer: {error.strerror}") from error
    if not is_there:
        mounted_root(config.storage(ref.device))  # the share may have gone between the two looks
        raise InputMissing(f"{ref.path} is not in storage {ref.device!r} ({root})")
    return path


def inside(root: Path, relative: str) -> Path:
    """root/relative; BadInput when it is absolute, climbs, or leaves the root through a symbolic link."""
    pure = PurePosixPath(relative)
    if not relative or "\0" in relative or pure.is_absolute() or ".." in pure.parts:
        raise BadInput(f"{relative!r} is not a path inside a storage")
    path = root / pure
    if not path.resolve().is_relative_to(root.resolve()):
        raise BadInput(f"{relative!r} leaves its storage through a symbolic link")
    return path


def output_folder(config: Config, kind: str) -> tuple[Storage, Path]:
    """The storage and the folder under its root (made when absent) where outputs of a kind go."""
    storage = config.storage_for(kind)
    root = mounted_root(storage)
    folder = inside(root, storage.kinds.get(kind, kind))
    try:
        with refusals(folder):
            folder.mkdir(parents=True, exist_ok=True)
    except OutputRefused as error:
        error.storage = storage.name
        raise
    return storage, folder


def _marker(path: Path) -> dict[str, str]:
    try:
        value = orjson.loads(path.read_bytes())
    except ValueError as error:
        raise BadInput(f"{path} is damaged: {error}") from error
    if not isinstance(value, dict) or "uuid" not in value:
        raise BadInput(f"{path} is damaged: it must hold name and uuid")
    return value
