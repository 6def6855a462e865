"""Outside programs run under watch: never left behind, never waited for without end."""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dashtools.errors import ArchivalError, BackendUnavailable

_PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit status and the last lines it wrote to stderr."""

    status: int
    complaints: tuple[str, ...]


class _Patience:
    """How long a program may still go without a sign of life."""

    def __init__(self, hang_s: float) -> None:
        self._hang_s = hang_s
        self.renew()

    def renew(self) -> None:
        self._end = time.monotonic() + self._hang_s

    def left_s(self) -> float:
        return max(0.0, self._end - time.monotonic())


def run_watched(
    argv: Sequence[str],
    *,
    hang_s: float,
    on_line: Callable[[str], bool] = bool,
    stop_on_complaint: bool = False,
    keep_lines: int = 50,
) -> Ended:
    """Runs a program to its end, giving each line of its stdout to `on_line`, which tells a sign of life.

    ArchivalError when there is no such line, nor anything on stderr, for `hang_s`. Whatever is raised here (a
    signal's exception too), the program and its children are gone afterwards; the kernel ends it if we are killed.
    """
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    except OSError as error:
        raise BackendUnavailable(f"{argv[0]} does not run: {error.strerror}") from error
    complaints: deque[str] = deque(maxlen=keep_lines)
    try:
        patience = _Patience(hang_s)
        for is_error, text in _lines(child, patience):
            if is_error and text:
                complaints.append(text)
            if is_error or on_line(text):
                patience.renew()
            if stop_on_complaint and complaints:
                break
        else:
            child.wait(hang_s)
    finally:
        _end(child)
    return Ended(child.returncode, tuple(complaints))


def _lines(child: subprocess.Popen[bytes], patience: _Patience) -> Iterator[tuple[bool, str]]:
    """(is it from stderr, line) until both pipes close; ArchivalError once the patience is at its end."""
    assert child.stdout is not None and child.stderr is not None
    rests = {child.stdout.fileno(): b"", child.stderr.fileno(): b""}
    with selectors.DefaultSelector() as selector:
        for descriptor in rests:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(patience.left_s())
            if patience.left_s() == 0:
                raise ArchivalError("the program hung (no advance in time) and was ended")
            for descriptor in (key.fd for key, _ in ready):
                chunk = os.read(descriptor, 65536)
                *lines, rests[descriptor] = (rests[descriptor] + chunk).split(b"\n")
                if not chunk:
                    selector.unregister(descriptor)
                    lines = [rests[descriptor]] if rests[descriptor] else []
                for line in lines:
                    yield descriptor == child.stderr.fileno(), line.decode("utf-8", "replace").strip()


def _end(child: subprocess.Popen[bytes]) -> None:
    """No process of the child's group is left running, unless the child ended by itself."""
    if child.returncode is None:  # not reaped, so the group's number cannot belong to anybody else
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


def die_with_parent() -> None:
    """Has the kernel end the process about to be begun when its parent ends; for `preexec_fn`."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
