"""What an attempt publishes: staged before its commit, brought to its places after it.

    staging/<key>.aNN/child-0000.json …  rows.jsonl  final.json

Whether an attempt was committed is never read from this folder: its record lies in complete/ or it does not. So a torn
file here means nothing, and a folder whose claim is gone and whose record is not there can never matter again.
"""

from __future__ import annotations

from collections.abc import Sequence

from dashtools.model import Task
from dashtools.spool import layout, scan
from dashtools.spool import leaf as leaves
from dashtools.spool import task as tasks
from dashtools.spool.atomic import Files
from dashtools.spool.buckets import Buckets

FINAL = "final.json"
ROWS = "rows.jsonl"


class Staging:
    """The staging folders of one spool."""

    def __init__(self, files: Files, buckets: Buckets) -> None:
        self._files, self._buckets = files, buckets

    def fill(self, folder: str, final: Task, children: Sequence[Task], rows: bytes) -> list[str]:
        """Everything that will be published, on disk when this returns; BadInput for a child that has no place."""
        key = final_key(folder)
        for child in children:
            tasks.ready_path(child, layout.child_key(key, child.task_id))
        if not self._files.mkdir(folder):  # an earlier try to end this very claim
            self.discard(folder)
            self._files.mkdirs(folder)
        whole = {f"child-{index:04d}.json": tasks.to_bytes(child) for index, child in enumerate(children)}
        whole.update({ROWS: rows} if rows else {})
        whole[FINAL] = tasks.to_bytes(final)
        for name, content in whole.items():
            self._files.write(f"{folder}/{name}", content)
        self._files.sync_folder(folder)
        self._files.sync_folder("staging")
        return list(whole)

    def activate(self, folder: str, complete: str, names: list[str] | None = None) -> None:
        """Brings a committed attempt's children, rows and record to their places; may be repeated by anyone.

        The record comes last: while it is still the claimed file, a reader knows that rows may be missing. Each source
        is unique and consumed, so that two who do this at once publish nothing twice.
        """
        key, attempt = layout.parse_staging(folder.rpartition("/")[2]) or ("", 0)
        leaf = complete.rpartition("/")[0]
        names = sorted(self._files.names(folder)) if names is None else names
        children = [name for name in names if name.startswith("child-")]
        if children:
            self._files.sync_folder(leaf)  # a power cut must not undo the commit and keep a child
        touched = {self._activate_child(f"{folder}/{name}", key) for name in children}
        if ROWS in names:
            self._move(f"{folder}/{ROWS}", f"{leaf}/{key}.a{attempt:02d}.rows.jsonl")
        if attempt > 1:
            self._drop_older(complete.split("/")[1], key, attempt)
        for place in sorted(touched - {""}):
            self._files.sync_folder(place)
        is_whole = not children or not any(name.startswith("child-") for name in self._files.names(folder))
        if FINAL in names and is_whole:  # else a child that this host cannot open yet is left for a later round
            self._move(f"{folder}/{FINAL}", complete)
        self._files.sync_folder(leaf)
        self._files.rmdir(folder)  # never what is in it: a child that this host cannot see yet is somebody else's

    def discard(self, folder: str) -> None:
        """Removes a staging folder."""
        for name in sorted(self._files.names(folder)):
            self._files.unlink(f"{folder}/{name}")
        self._files.rmdir(folder)

    def _activate_child(self, staged: str, parent_key: str) -> str:
        try:
            child = tasks.from_bytes(self._files.read(staged))
        except FileNotFoundError:
            return ""
        target = self._buckets.ready_path(child, layout.child_key(parent_key, child.task_id))
        self._move(staged, target)
        return target.rpartition("/")[0]

    def _move(self, source: str, target: str) -> None:
        try:
            self._files.rename(source, target)
        except FileNotFoundError:
            return  # another janitor was faster

    def _drop_older(self, task_type: str, key: str, attempt: int) -> None:
        """Removes files of earlier attempts, which were moved; never of later ones, for we may have slept long."""
        for folder in scan.leaves_of(self._files, task_type, key):
            for name in self._files.names(folder):
                if not name.startswith(f"{key}.a") or not (leaves.is_record(name) or name.endswith(leaves.ROWS)):
                    continue
                if int(name[len(key) + 2 :].partition(".")[0]) < attempt:
                    self._files.unlink(f"{folder}/{name}")


def final_key(folder: str) -> str:
    """The key of a staging folder."""
    return (layout.parse_staging(folder.rpartition("/")[2]) or ("", 0))[0]
