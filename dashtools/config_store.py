"""Changing the configuration: the blueprint's ConfigManager, and folders that this host registers."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock

from dashtools.config import Config, load
from dashtools.config_files import merged, read_document, shared_file
from dashtools.config_keys import (
    DEFAULT_GLOBAL,
    DEFAULT_PROFILES,
    DEFAULT_STORAGE_PATHS,
    HOST_SHAPE,
    SHARED_SHAPE,
    problems,
)
from dashtools.errors import BadConfig, InputMissing
from dashtools.files import write_whole
from dashtools.model import Json


class ConfigManager:
    """The configuration that a spool's hosts share, read and changed as a whole."""

    def __init__(self, spool: Path, host_file: Path | None = None) -> None:
        self._spool = spool
        self._host_file = host_file
        self.path = shared_file(spool)
        self._seen = self._stamp()

    def get_global_config(self) -> Json:
        """The global settings, defaults filled in."""
        return load(self._spool, self._host_file).global_settings

    def get_device_config(self, device_id: str) -> Json:
        """One device: what the file says of it, its task types and its resolved processing settings."""
        config = load(self._spool, self._host_file, flags={"host.device_id": device_id})
        return {**config.device, "task_types": list(config.task_types), "processing": config.processing}

    def version(self) -> str:
        """Another text for every content of the shared file."""
        try:
            return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]
        except FileNotFoundError:
            return "0"

    def document(self) -> Json:
        """The shared file with the defaults filled in that every host has."""
        defaults = {"global": DEFAULT_GLOBAL, "profiles": DEFAULT_PROFILES, "storage_paths": DEFAULT_STORAGE_PATHS}
        return merged(defaults, read_document(self.path, SHARED_SHAPE))

    def update_config(
        self, config_update: Json, device_id: str | None = None, *, first: Callable[[], None] = lambda: None
    ) -> bool:
        """Lays an update over the shared file; True when that changed it. BadConfig leaves the file as it was.

        `first` is called under the lock: what it raises stops the change.
        """
        update = {"devices": {device_id: config_update}} if device_id is not None else config_update
        found = problems(update, SHARED_SHAPE)
        if found:
            raise BadConfig("\n".join(found))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(self.path) + ".lock", timeout=30):
            first()
            before = read_document(self.path, SHARED_SHAPE)
            after = merged(before, update)
            if after == before:
                return False
            write_whole(self.path, _pretty(after))
        return True

    def validate_config(self) -> list[str]:
        """Everything that is wrong, a sentence each: the files' keys, every device's settings, this host's models."""
        found = problems_of_file(self.path, SHARED_SHAPE)
        if self._host_file is not None:
            found += problems_of_file(self._host_file, HOST_SHAPE)
        if found:
            return found
        for device_id in [None, *read_document(self.path, SHARED_SHAPE).get("devices", {})]:
            try:
                config = load(self._spool, self._host_file, flags={"host.device_id": device_id})
            except BadConfig as error:
                if device_id is None:
                    return _lines(error)
                found += [f"devices.{device_id}: {line}" for line in _lines(error)]
                continue
            if device_id is None:
                found += _absent_models(config)
        return list(dict.fromkeys(found))

    def watch_for_changes(self, callback: Callable[[], Any]) -> None:
        """Calls back when the file changed since the last look, and only if it is valid; call between tasks."""
        stamp = self._stamp()
        if stamp != self._seen and not self.validate_config():
            self._seen = stamp
            callback()

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            now = os.stat(self.path)
        except OSError:
            return None
        return now.st_ino, now.st_mtime_ns, now.st_size


def problems_of_file(path: Path, shape: Json) -> list[str]:
    """What is wrong with one file, each line beginning with its name; an absent file is fine."""
    try:
        read_document(path, shape)
    except BadConfig as error:
        return _lines(error)
    return []


def _lines(error: BadConfig) -> list[str]:
    return str(error).splitlines()


def _absent_models(config: Config) -> list[str]:
    """Model files that this host's settings name and that are not there."""
    named = ((key, config.processing.get(key)) for key in ("yolo_model_path", "ocr_model_path"))
    return [f"{config.explain(key)}: no such file" for key, path in named if path and not Path(path).is_file()]


def register_folder(host_file: Path, folder: Path) -> str:
    """The name of the read-only storage that this folder now is on this host; asking again gives the same."""
    real = folder.resolve()
    if not real.is_dir():
        raise InputMissing(f"{folder}: no such folder")
    slug = re.sub(r"[^a-z0-9]+", "_", real.name.lower()).strip("_")[:40] or "root"
    name = f"clips_{slug}_{hashlib.sha256(os.fsencode(real)).hexdigest()[:6]}"
    update_host_file(host_file, {"host": {"storages": {name: {"path": str(real), "read_only": True}}}})
    return name


def update_host_file(host_file: Path, update: Json) -> bool:
    """Lays an update over a host's file, whole or not at all; True when that changed it."""
    host_file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(host_file) + ".lock", timeout=30):
        before = read_document(host_file, HOST_SHAPE)
        after = merged(before, update)
        if after == before and host_file.exists():
            return False
        found = problems(after, HOST_SHAPE)
        if found:
            raise BadConfig("\n".join(f"{host_file}: {line}" for line in found))
        write_whole(host_file, _pretty(after))
    return True


def _pretty(document: Json) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
