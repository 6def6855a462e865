"""This host's storages as the worker sees them."""

from __future__ import annotations

from pathlib import Path

from dashtools.config import Config
from dashtools.devices import storages
from dashtools.model import FileRef


class HostPlaces:
    """Resolves inputs and output folders through the host's mounts."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def resolve(self, ref: FileRef) -> Path:
        """The local path of a task's file; TryLater, InputMissing or BadInput say why there is none."""
        return storages.resolve(self._config, ref)

    def output_folder(self, kind: str) -> tuple[str, Path, str]:
        """Storage name, its root, and the folder of a kind below the root."""
        storage, folder = storages.output_folder(self._config, kind)
        assert storage.root is not None  # output_folder raised TryLater otherwise
        return storage.name, storage.root, folder.relative_to(storage.root).as_posix()
