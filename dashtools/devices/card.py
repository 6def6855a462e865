"""A card or folder that a camera filled, as a source of clips and of the logs that lie beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashtools.devices.intake import find_clips
from dashtools.errors import TryLater
from dashtools.ports import CameraClip, Fetched

LOG_SUFFIXES = (".gps", ".3gf", ".nmea", ".gpx", ".srt", ".txt")
LOCK_FOLDERS = {"ro", "lock", "locked", "event", "emr", "protected"}


class CardCamera:
    """A mounted card; see ports.Camera. Clips of its locked folders count as locked."""

    kind = "card"
    can_delete = True

    def __init__(self, root: Path) -> None:
        self.root = root

    def clips(self) -> list[CameraClip]:
        """Every clip below the root, and the logs of the same folders; TryLater when it is not there."""
        problems: list[tuple[str, str]] = []
        found = [
            CameraClip(_below_dcim(path), path, clip.size_bytes, _is_locked(path), _taken(path))
            for clip in find_clips(self.root, problems)
            for path in (clip.path,)
        ]
        folders = {self.root, *((self.root / clip.remote).parent for clip in found)}
        for folder in sorted(folders):
            for path in sorted(folder.iterdir()):
                if path.suffix.lower() in LOG_SUFFIXES and not path.name.startswith(".") and path.is_file():
                    remote = path.relative_to(self.root).as_posix()
                    found.append(CameraClip(_below_dcim(remote), remote, path.stat().st_size, False, _taken(remote)))
        return found

    def beside(self, clip: CameraClip) -> list[CameraClip]:
        """None: the card's logs are listed with its clips."""
        return []

    @contextmanager
    def fetch(self, clip: CameraClip, offset: int, validator: str | None = None) -> Iterator[Fetched]:
        """The file's bytes from an offset on; from 0 when it changed since `validator`."""
        with (self.root / clip.remote).open("rb") as stream:
            stat = (self.root / clip.remote).stat()
            now = f"{stat.st_size}-{stat.st_mtime_ns}"
            start = offset if validator == now and offset <= stat.st_size else 0
            stream.seek(start)
            yield Fetched(stream, start, stat.st_size, now)

    def delete(self, clip: CameraClip) -> None:
        """Removes a file from the card."""
        if not self.root.is_dir():
            raise TryLater(f"{self.root} is not there any more")
        (self.root / clip.remote).unlink()


def _is_locked(path: str) -> bool:
    folders = {part.lower() for part in path.split("/")[:-1]}
    return bool(folders & LOCK_FOLDERS)


def _below_dcim(path: str) -> str:
    head, _, rest = path.partition("/")
    return rest if head.upper() == "DCIM" and rest else path


def _taken(path: str) -> str:
    return "".join(letter for letter in path.rpartition("/")[2] if letter.isdigit())[:14]
