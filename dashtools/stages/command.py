"""Any shell command as a stage: its folder becomes the outputs, its lines the children, its status the ending."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import orjson

from dashtools import schemas
from dashtools.errors import (
    BackendUnavailable,
    BadInput,
    ClaimLost,
    InputMissing,
    OutputRefused,
    ProcessingError,
    TryLater,
)
from dashtools.model import ChildTask, FileRef, Json, Output, StageResult, Task
from dashtools.ports import StageContext

PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None)
GRACE_S = 5.0  # between SIGTERM and SIGKILL
LOOK_S = 1.0  # how often a running command's claim is looked at
KEPT_LINES = 20
ENDINGS: dict[int, type[ProcessingError] | type[OutputRefused] | type[TryLater]] = {
    64: BackendUnavailable,  # called wrongly: the next task would fare no better
    65: BadInput,
    66: InputMissing,
    69: TryLater,  # what this task needs is away; another may fare better
    73: OutputRefused,
    74: OutputRefused,
    75: TryLater,
    78: BackendUnavailable,
    126: BackendUnavailable,
    127: BackendUnavailable,
}
CHILD_FIELDS = {"inputs", "params", "metadata", "device_capabilities_required", "priority", "video_id"}


class CommandStage:
    """Runs one command for each task, in a process group that does not outlive the attempt."""

    kind = "exec"

    def __init__(
        self, task_type: str, argv: Sequence[str], *, timeout_s: float, is_held: Callable[[], bool] = lambda: True
    ) -> None:
        self.task_type, self._argv, self._timeout_s, self._is_held = task_type, list(argv), timeout_s, is_held

    def __call__(self, context: StageContext) -> StageResult:
        started = time.monotonic()
        paths = {kind: [str(path) for path in found] for kind, found in context.paths.items()}
        environ = {**os.environ, "DASHTOOLS_INPUTS": orjson.dumps(paths).decode()}
        status, stdout, said = self._run(context.out, orjson.dumps(context.task.to_json()), environ)
        if status != 0:
            raise _ending(self._argv[0], status, said)
        children = tuple(children_of(context.task, stdout))
        outputs = tuple(Output(path, Path(path).suffix[1:].lower() or "file") for path in files_in(context.out))
        return StageResult(outputs, children, metadata={"seconds": round(time.monotonic() - started, 3)})

    def _run(self, out: Path, stdin: bytes, environ: dict[str, str]) -> tuple[int, bytes, str]:
        try:
            process = subprocess.Popen(
                self._argv,
                cwd=out,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        except OSError as error:
            raise BackendUnavailable(f"{self._argv[0]} cannot be started: {error.strerror}") from error
        stdout: list[bytes] = []
        said: deque[str] = deque(maxlen=KEPT_LINES)
        threads = [
            threading.Thread(target=_feed, args=(process, stdin), daemon=True),
            threading.Thread(target=_collect, args=(process, stdout), daemon=True),
            threading.Thread(target=_pass_on, args=(process, said), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            status = self._wait(process)
        finally:
            kill_group(process)  # also what a finished command left running: the folder is sealed now
        for thread in threads:
            thread.join(GRACE_S)
        if threads[1].is_alive():
            raise ProcessingError(f"{self._argv[0]} left a process outside its group that holds its stdout open")
        return status, b"".join(stdout), "\n".join(said)

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        end = time.monotonic() + self._timeout_s
        while True:
            try:
                return process.wait(timeout=LOOK_S)
            except subprocess.TimeoutExpired:
                pass
            if time.monotonic() > end:
                raise ProcessingError(f"{self._argv[0]} was stopped: it ran longer than {self._timeout_s:.0f} s")
            if not self._is_held():
                raise ClaimLost(f"{self._argv[0]} was stopped: its task was taken over")


def _ending(name: str, status: int, said: str) -> Exception:
    how = f"ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    return ENDINGS.get(status, ProcessingError)(f"{name} {how}" + (f": {said[-2000:]}" if said else ""))


def _die_with_parent() -> None:
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _feed(process: subprocess.Popen[bytes], stdin: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(stdin)
        process.stdin.close()
    except OSError:
        return  # it does not want to know its task


def _collect(process: subprocess.Popen[bytes], found: list[bytes]) -> None:
    assert process.stdout is not None
    found.append(process.stdout.read())


def _pass_on(process: subprocess.Popen[bytes], said: deque[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        text = line.decode(errors="replace").rstrip()
        said.append(text)
        print(text, file=sys.stderr, flush=True)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and all that it started in its group: politely while it lives, then for sure."""
    if process.poll() is None:
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left in it


def files_in(folder: Path) -> list[str]:
    """The regular files below a folder, as sorted relative paths; a symbolic link is BadInput."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise BadInput(f"the command left the symbolic link {name}; outputs are ordinary files")
        if path.is_file():
            found.append(name)
    return found


def children_of(task: Task, stdout: bytes) -> Iterator[ChildTask]:
    """The tasks that a command's lines ask for; BadInput for a line that is none."""
    for number, line in enumerate(stdout.splitlines(), start=1):
        if line.strip():
            yield _child(task, line, number)


def _child(task: Task, line: bytes, number: int) -> ChildTask:
    where = f"line {number} of the command's stdout"
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"{where} is not JSON: {error}") from error
    if not isinstance(value, dict) or "task_type" not in value:
        raise BadInput(f"{where} is no JSON object with a task_type")
    wish: Json = {name: value[name] for name in CHILD_FIELDS if name in value}
    whole = {"task_id": "x", "video_id": task.video_id, **wish, "task_type": value["task_type"]}
    wrong = schemas.problems("task", whole)
    if wrong:
        raise BadInput(f"{where} is no task: {'; '.join(wrong)}")
    extra = {name: value[name] for name in value if name not in CHILD_FIELDS and name != "task_type"}
    return ChildTask(
        task_type=value["task_type"],
        inputs=tuple(FileRef.from_json(ref) for ref in wish.get("inputs", ())),
        params={**wish.get("params", {}), **({"given": extra} if extra else {})},
        metadata={**task.metadata, **wish.get("metadata", {})},
        device_capabilities_required=wish.get("device_capabilities_required", {}),
        priority=wish.get("priority"),
        video_id=wish.get("video_id"),
    )
