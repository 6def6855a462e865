"""A stage whose children are a function of its task, so that an audit can say which tasks there must be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dashtools.errors import TryLater
from dashtools.model import ChildTask, FileRef, Output, StageResult, Task
from dashtools.ports import StageContext
from dashtools.spool import task as tasks

TYPE = "SOAK"
STORAGE = "STORAGE"


class ToyStage:
    """Leaves a small file where its task says so, one row, and the children that `fan` asks for."""

    task_type = TYPE
    kind = "toys"

    def __call__(self, context: StageContext) -> StageResult:
        outputs: tuple[Output, ...] = ()
        if context.task.params.get("leave"):
            (context.out / "toy.txt").write_text(context.task.task_id)
            outputs = (Output("toy.txt", "text"),)
        row = {"table": "toys", "task_id": context.task.task_id}
        return StageResult(outputs, tuple(wishes(context.task)), (row,))


def wishes(task: Task) -> Iterator[ChildTask]:
    """The children of a toy task: fan[0] of them, each with the rest of the fan."""
    fan = task.params.get("fan", [])
    for number in range(fan[0] if fan else 0):
        yield ChildTask(TYPE, params={"fan": fan[1:], "leave": number == 0, "n": number})


def child_ids(task: Task, generations: int) -> Iterator[str]:
    """Ids of all children that a task's first completions must have published."""
    for generation in range(generations):
        done = tuple({"event": "complete"} for _ in range(generation))
        parent = Task(task.task_id, TYPE, task.video_id, params=task.params, history=done)
        for index, wish in enumerate(wishes(parent)):
            yield tasks.child_id(parent, wish, index)


class ToyPlaces:
    """Outputs beside the spool, on the same mount; STORAGE says that it is mounted."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @staticmethod
    def create(root: Path) -> None:
        """Makes the storage."""
        (root / STORAGE).touch()

    def resolve(self, ref: FileRef) -> Path:
        return self._root / ref.path

    def output_folder(self, kind: str) -> tuple[str, Path, str]:
        if not self._root.is_dir() or STORAGE not in os.listdir(self._root):
            raise TryLater(f"{self._root} has no {STORAGE}: it is not mounted")
        return "toys", self._root, kind
