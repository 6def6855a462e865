"""Publishes a task once for ever: whoever makes its marker may bring it into pending/, and anybody may finish that.

The marker (`known/<hh>/<id>` for a root task, `<key>.aNN.moved` beside a record that goes back to pending/) is a link
to the finished file `tmp/once~<key>~<worker>` (`tmp/back~<key>.aNN=<leaf>~<worker>` for such a record). If its maker
dies before the rename, a janitor finds the file and finishes; a loser's file is dropped. The contents differ, for each
names its writer.
"""

from __future__ import annotations

import re
import time

from dashtools.errors import BadInput, TryLater
from dashtools.spool import layout
from dashtools.spool import task as tasks
from dashtools.spool.atomic import Files
from dashtools.spool.leaf import BACK, MARK, look

ROOT = "once"
LISTING_LIFE_S = 5.0  # a marker that is listed stays; one that is not only costs a file written in vain
_MOVING = re.compile(r"(?P<stem>(?P<key>\d{8}T\d{12}-[A-Za-z0-9_-]{1,64})\.a\d+)=(?P<leaf>[A-Za-z0-9_-]+)\Z")


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
        self._listed: tuple[str, float, set[str]] = ("", 0.0, set())
        self._in_doubt: dict[str, tuple[str, str]] = {}
        """Marker -> (scratch, target) of publishes whose outcome an error of the share hid."""

    def is_known(self, marker: str) -> bool:
        """Was the marker made? As a listing of the last seconds says."""
        folder, _, name = marker.rpartition("/")
        listed, at, names = self._listed
        if folder != listed or (name not in names and time.monotonic() - at > LISTING_LIFE_S):
            names = set(self._files.names(folder))
            self._listed = (folder, time.monotonic(), names)
        return name in names

    def publish(self, kind: str, content: bytes, what: str, marker: str, target: str) -> str | None:
        """The target's path for the one caller who made the marker; None for everyone else."""
        if marker in self._in_doubt:
            is_settled, made = self._settle(marker)
            if is_settled:
                return made
        elif self.is_known(marker):
            return None
        scratch = f"tmp/{kind}~{what}~{self._worker}"
        self._in_doubt[marker] = (scratch, target)
        self._files.write(scratch, content)
        try:
            is_mine = self._files.link(scratch, marker) and not is_late(self._files, kind, marker, content)
        except FileNotFoundError:  # a janitor took us for dead: it published the file for us, or dropped it
            if self._files.linked(marker) != content:
                raise TryLater(f"{self._files.root / scratch} was taken by a janitor; publish it again") from None
            return self._settle(marker)[1]
        self._listed[2].add(marker.rpartition("/")[2])  # else the same content, published at once again, passes as ours
        if not is_mine:
            self._files.unlink(scratch)
            del self._in_doubt[marker]
            return None
        self._files.sync_folder(marker.rpartition("/")[0])
        made = bring(self._files, scratch, target)
        del self._in_doubt[marker]
        return made

    def _settle(self, marker: str) -> tuple[bool, str | None]:
        """Finishes an own publish that was cut short: does it stand or fall now, and its target if it stands."""
        scratch, target = self._in_doubt[marker]
        folder, _, name = marker.rpartition("/")
        is_left, made = scratch.rpartition("/")[2] in self._files.names("tmp"), None
        if is_left:
            made = finish(self._files, scratch, marker, target)
        elif name in self._files.names(folder):
            made = target  # a janitor finished it for us
        del self._in_doubt[marker]
        return is_left or made is not None, made


def is_late(files: Files, kind: str, marker: str, content: bytes) -> bool:
    """Does a pack say that another moved this record? Then that one's mark was cleared away, and ours counts not.

    To be asked after the marker was made: whoever cleared the other had published that pack before.
    """
    folder, _, name = marker.rpartition("/")
    return kind == BACK and look(files, folder).is_moved_by_another(name.removesuffix(MARK), content)


def finish(files: Files, scratch: str, marker: str, target: str) -> str | None:
    """Makes the marker of a dead publisher's file, if nobody has; brings the file to its place, or drops a loser's.

    A marker that is not seen proves nothing, so the question is put to the file system by making it.
    """
    kind = scratch.rpartition("/")[2].partition("~")[0]
    try:
        content = files.read(scratch)
        is_winner = files.link(scratch, marker) and not is_late(files, kind, marker, content)
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


def place_of(kind: str, content: bytes, what: str) -> tuple[str, str]:
    """Marker and target of a scratch file; BadInput when it is torn, which only a file without a marker can be."""
    task = tasks.from_bytes(content)
    if kind == ROOT:
        return known_path(task.task_id), tasks.ready_path(task, what)
    match = _MOVING.match(what)
    if match is None:
        raise BadInput(f"{what} names no record")
    folder = f"{layout.complete_day(task.task_type, match['key'])}/{match['leaf']}"
    return f"{folder}/{match['stem']}{MARK}", tasks.ready_path(task, match["key"])
