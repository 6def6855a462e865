"""A spool on a local disk, and processes that are already dead."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dashtools.model import Task
from dashtools.spool.queue import Spool
from dashtools.spool.workers import Identity

_numbers = itertools.count(1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    Spool.create(folder)
    return folder


@pytest.fixture
def spool(root: Path) -> Iterator[Spool]:
    opened = Spool.open(root)
    yield opened
    opened.files.close()


@pytest.fixture
def other(root: Path) -> Iterator[Spool]:
    """Another living process's view of the same spool."""
    opened = Spool.open(root)
    yield opened
    opened.files.close()


def dead_identity() -> Identity:
    """A process of this host whose pid cannot exist (beyond pid_max of proc(5))."""
    me, number = Identity.mine(), next(_numbers)
    return replace(me, worker=f"{me.host}~{me.world}~{2**22 + number}~1~dead", pid=2**22 + number, start="1")


@pytest.fixture
def put() -> Callable[..., Task]:
    """Publishes a task of type TEST."""

    def publish(spool: Spool, task_id: str = "t1", **fields: object) -> Task:
        task = Task(task_id=task_id, task_type="TEST", video_id="v", **fields)  # type: ignore[arg-type]
        assert spool.publish(task) is not None
        return task

    return publish
