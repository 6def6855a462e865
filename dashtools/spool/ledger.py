"""Publishes a task once for ever: whoever makes its marker may bring it into pending/, and anybody may finish that.

The marker (`known/<hh>/<id>` for a root task, `<key>.aNN.moved` for a record taken out of a compacted leaf) is a link
to the finished file `tmp/once~<key>~<worker>` (`tmp/back~…` for such a record). If its maker dies before the rename, a
janitor finds the file and finishes; a loser's file is dropped. The contents differ, for each names its writer.
"""

from __future__ import annotations

from dashtools.errors import TryLater
from dashtools.spool import layout
from dashtools.spool import task as tasks
from dashtools.spool.atomic import Files

ROOT, BACK = "once", "back"


def known_bucket(task_id: str) -> str:
    """The two characters that spread the ledger of root tasks."""
    return f"{task_id[:2]:_<2}"


def known_path(task_id: str) -> str:
    """The ledger entry of a root task."""
    return f"known/{known_bucket(task_id)}/{task_id}"


class Ledger:
    """Publishes through markers; `worker` is the name of this process."""

    def __init__(self, files: Files, worker: str) -> None:
        self._files, self._worker = files, worker
        self._in_doubt: dict[str, tuple[str, str]] = {}
        """Marker -> (scratch, target) of publishes whose outcome an error of the share hid."""

    def is_known(self, marker: str) -> bool:
        """Was the marker made? Looked up in a fresh listing."""
        folder, _, name = marker.rpartition("/")
        return name in self._files.names(folder)

    def publish(self, kind: str, content: bytes, key: str, marker: str, target: str) -> str | None:
        """The target's path for the one caller who made the marker; None for everyone else."""
        if self.is_known(marker):
            return self._settled(marker)
        scratch = f"tmp/{kind}~{key}~{self._worker}"
        self._in_doubt[marker] = (scratch, target)
        self._files.write(scratch, content)
        try:
            is_mine = self._files.link(scratch, marker)
        except FileNotFoundError:  # a janitor took us for dead: it published the file for us, or dropped it
            if self._files.linked(marker) != content:
                raise TryLater(f"{self._files.root / scratch} was taken by a janitor; publish it again") from None
            return self._settled(marker)
        if not is_mine:
            self._files.unlink(scratch)
            del self._in_doubt[marker]
            return None
        self._files.sync_folder(marker.rpartition("/")[0])
        made = bring(self._files, scratch, target)
        del self._in_doubt[marker]
        return made

    def _settled(self, marker: str) -> str | None:
        """Finishes an own publish that stands but was cut short; None when there is none."""
        if marker not in self._in_doubt:
            return None
        scratch, target = self._in_doubt[marker]
        made = None
        if scratch.rpartition("/")[2] in self._files.names("tmp"):
            made = finish(self._files, scratch, marker, target)
        elif self.is_known(marker):
            made = target  # a janitor finished it for us
        del self._in_doubt[marker]
        return made


def finish(files: Files, scratch: str, marker: str, target: str) -> str | None:
    """Makes the marker of a dead publisher's file, if nobody has; brings the file to its place, or drops a loser's.

    A marker that is not seen proves nothing, so the question is put to the file system by making it.
    """
    try:
        is_winner = files.link(scratch, marker)
    except FileNotFoundError:
        return None
    if not is_winner:
        files.unlink(scratch)
        return None
    return bring(files, scratch, target)


def bring(files: Files, scratch: str, target: str) -> str:
    """Moves the file behind a marker of ours to its place, durably."""
    try:
        files.rename(scratch, target)
    except FileNotFoundError:
        return target  # someone else finished it, and the task moved on already
    files.sync_folder(target.rpartition("/")[0])
    return target


def place_of(kind: str, content: bytes, key: str) -> tuple[str, str]:
    """Marker and target of a scratch file; BadInput when it is torn, which only a file without a marker can be."""
    task = tasks.from_bytes(content)
    target = tasks.ready_path(task, key)
    return (moved_path(task.task_type, key, task.attempt) if kind == BACK else known_path(task.task_id)), target


def moved_path(task_type: str, key: str, attempt: int) -> str:
    """The marker that takes a record out of a compacted leaf."""
    return f"{layout.complete_folder(task_type, key)}/{key}.a{attempt:02d}.moved"
