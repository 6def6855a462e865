"""A worker on a machine that cannot mount the share: claim, fetch, stage, send, complete, all through a server.

The fencing is the spool's own: the claim is a file there, and whoever lost it gets ClaimLost for whatever it sends. A
death at any point is safe; what was fetched and made lies in a scratch folder that the next start clears.
"""

from __future__ import annotations

import contextlib
import random
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

from dashtools.attempt import Builder, Ending, describe, known
from dashtools.backoff import NotNow, patiently
from dashtools.errors import BackendUnavailable, BadInput, ClaimLost, DashtoolsError, OutputRefused, TryLater
from dashtools.files import sha256_of
from dashtools.interrupts import uninterrupted
from dashtools.log import LOGGER
from dashtools.model import FileRef, Json, StageResult
from dashtools.ports import Progress, ServedTask, Stage, StageContext, TaskServer
from dashtools.spool.slots import Slots
from dashtools.worker import POLL_S, Plan, watchdog

PATIENCE_S = 300.0  # a server that is restarted or updated costs no attempt


class RemoteWorker:
    """One worker process of a device that works for a server."""

    def __init__(
        self,
        server: TaskServer,
        plan: Plan,
        tools: Mapping[str, Builder],
        state_dir: Path,
        *,
        progress: Callable[[ServedTask], Progress] = lambda held: lambda share, what: None,
        report: Callable[[ServedTask, Ending], None] = lambda held, ending: None,
        patience_s: float = PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server, self._plan, self._tools, self._state_dir = server, plan, dict(tools), state_dir
        self._progress, self._report, self._patience_s, self._sleep = progress, report, patience_s, sleep
        self._types = [name for name in plan.task_types if name in tools]
        self._device = str(plan.about.get("device_id", "device")).replace(".", "-")[:32]
        self._slots = Slots(state_dir / "slots", plan.most_at_once)
        self._stages: dict[str, Stage] = {}
        self._held: ServedTask | None = None
        self.unavailable: dict[str, BackendUnavailable] = {}

    def run(self, mode: str) -> int:
        """Works in mode once, drain or watch; the number of tasks that came to an end.

        Watching outlives a server that is away; the other modes end with that error when patience is over.
        """
        done = 0
        with own_scratch(self._state_dir / "remote") as scratch:
            while True:
                try:
                    worked = self._one(scratch)
                except (TryLater, OutputRefused) as error:
                    if mode != "watch":
                        raise
                    LOGGER.warning("%s", error)
                    worked = None
                done += worked or 0
                is_over = worked is None if mode == "drain" else mode == "once" and worked != 0
                if is_over:
                    return done
                if worked is None:
                    self._sleep(random.uniform(*POLL_S))

    def _one(self, scratch: Path) -> int | None:
        """Claims and works on a task while one of the host's places is held; None when there was nothing to claim."""
        with self._slots.one():
            try:
                return self._work(scratch) if self._take() else None
            finally:
                self._drop()

    def _take(self) -> bool:
        types = [name for name in self._types if name not in self.unavailable]
        nonce = secrets.token_hex(16)

        def once() -> None:
            with uninterrupted():  # a claim that was made is known
                self._held = self._server.claim(self._device, types, self._plan.capabilities, nonce)

        if types:
            self._patiently(once)
        return self._held is not None

    def _drop(self, reason: str = "the worker was told to end") -> None:
        """Gives back what is still held."""
        held, self._held = self._held, None
        if held is None:
            return
        with uninterrupted():
            try:
                self._server.release(held, {"reason": reason})
            except ClaimLost:
                return
            except DashtoolsError as error:
                LOGGER.warning("%s could not be given back, its lease will run out: %s", held.task.task_id, error)

    def _work(self, scratch: Path) -> int:
        """One attempt at the held task, reported; 0 when the claim was lost or given back at once."""
        held = self._held
        assert held is not None
        folder = scratch / f"{held.task.task_id}.a{held.task.attempt:02d}"
        try:
            stage = self._stage(held.task.task_type)
            with _beating(self._server, held) as is_lost, watchdog(held.task.task_id, self._plan.stage_timeout_s):
                ending = self._attempt(held, stage, folder, is_lost)
        except ClaimLost as error:
            LOGGER.warning("%s: %s", held.task.task_id, error)
            self._held = None
            return 0
        except BackendUnavailable as error:
            self.unavailable[held.task.task_type] = error
            LOGGER.error("%s cannot be done here: %s", held.task.task_type, error)
            self._drop(str(error))
            return 0
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self._held = None
        self._report(held, ending)
        return 1

    def _stage(self, task_type: str) -> Stage:
        if task_type not in self._stages:
            self._stages[task_type] = self._tools[task_type]()
        return self._stages[task_type]

    def _attempt(self, held: ServedTask, stage: Stage, folder: Path, is_lost: threading.Event) -> Ending:
        started_s = time.monotonic()
        shown = self._progress(held)

        def progress(share: float, what: str) -> None:
            if is_lost.is_set():
                raise ClaimLost("the claim was taken over")
            shown(share, what)

        try:
            paths = self._fetched(held, folder / "in")
            out = folder / "out"
            out.mkdir(parents=True)
            result = stage(StageContext(held.task, paths, out, self._plan.settings, progress))
            for output in result.outputs:
                self._patiently(partial(self._server.send, held, output.path, out / output.path))
            seconds = time.monotonic() - started_s
            self._complete(held, _result(result, self._plan.settings, seconds))
            return Ending("complete", None, seconds=seconds)
        except Exception as error:
            return self._ended_by(held, known(error), time.monotonic() - started_s)

    def _fetched(self, held: ServedTask, folder: Path) -> dict[str, list[Path]]:
        """The inputs in files of their own names, by type."""
        paths: dict[str, list[Path]] = {}
        for number, ref in enumerate(held.task.inputs):
            target = folder / str(number) / (PurePosixPath(ref.path).name or "input")
            target.parent.mkdir(parents=True)
            self._patiently(partial(self._server.fetch, held, number, target))
            _check(ref, target)
            paths.setdefault(ref.type, []).append(target)
        return paths

    def _complete(self, held: ServedTask, result: Json) -> None:
        def once() -> None:
            with uninterrupted():
                self._server.complete(held, result)

        self._patiently(once)

    def _ended_by(self, held: ServedTask, error: Exception, seconds: float) -> Ending:
        becomes = error.becomes if isinstance(error, DashtoolsError) else "retry"
        if becomes == "-" or isinstance(error, (BackendUnavailable, NotNow)):
            raise error
        ours = error if isinstance(error, DashtoolsError) else None
        told = describe(error, with_traceback=ours is None)
        if becomes == "flag":
            self._complete(held, {"error": told})
            return Ending("flagged", None, str(error), seconds, ours)
        how = "failed" if becomes == "retry" else "wait"
        self._patiently(partial(self._server.release, held, {"reason": str(error), how: True, "error": told}))
        return Ending("retry" if becomes == "retry" else "wait", None, str(error), seconds, ours)

    def _patiently(self, ask: Callable[[], None]) -> None:
        patiently(ask, self._patience_s, sleep=self._sleep)


def _result(result: StageResult, settings: Mapping[str, Any], seconds: float) -> Json:
    """A stage's result as POST /tasks/{id}/complete takes it."""
    children = [
        {
            "task_type": child.task_type,
            "inputs": [ref.to_json() for ref in child.inputs],
            "params": child.params,
            "metadata": child.metadata,
            "device_capabilities_required": child.device_capabilities_required,
            **({} if child.priority is None else {"priority": child.priority}),
            **({} if child.video_id is None else {"video_id": child.video_id}),
        }
        for child in result.children
    ]
    outputs = [{"path": output.path, "type": output.type} for output in result.outputs]
    metadata = {**result.metadata, "attempt_seconds": round(seconds, 3)}
    return {
        "outputs": outputs,
        "rows": list(result.rows),
        "new_tasks": children,
        "metadata": metadata,
        "settings": dict(settings),
    }


def _check(ref: FileRef, path: Path) -> None:
    """Is the file the one that the task was made for?"""
    size_bytes = path.stat().st_size
    if ref.size_bytes is not None and size_bytes != ref.size_bytes:
        raise BadInput(f"{ref.device}:{ref.path} has {size_bytes} bytes, the task was made for {ref.size_bytes}")
    if ref.sha256 is not None and sha256_of(path) != ref.sha256:
        raise BadInput(f"{ref.device}:{ref.path} is not the file that the task was made for: its digest differs")


@contextlib.contextmanager
def _beating(server: TaskServer, held: ServedTask) -> Iterator[threading.Event]:
    """Heartbeats from a thread of their own; the event is set when the claim is lost."""
    stop, is_lost = threading.Event(), threading.Event()

    def beat() -> None:
        while not stop.wait(held.heartbeat_s):
            try:
                server.beat(held)
            except ClaimLost:
                is_lost.set()
                return
            except DashtoolsError as error:
                LOGGER.warning("no heartbeat for %s: %s", held.task.task_id, error)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield is_lost
    finally:
        stop.set()


@contextlib.contextmanager
def own_scratch(parent: Path) -> Iterator[Path]:
    """A folder of this process alone; those that killed workers left are cleared first."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob("*.lock"):
        with contextlib.suppress(Timeout), FileLock(str(left), timeout=0):
            shutil.rmtree(left.with_suffix(""), ignore_errors=True)
            left.unlink(missing_ok=True)
    folder = parent / secrets.token_hex(8)
    with FileLock(f"{folder}.lock"):
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            Path(f"{folder}.lock").unlink(missing_ok=True)
