"""One ExifTool that stays open for many files: starting perl costs more than reading a clip.

Each process of ours has its own; it ends with us, and is ended and begun anew when it takes too long.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Sequence

from dashtools.backends.subprocesses import die_with_parent

READY = b"{ready1}"  # with a number it is printed although -q is asked for
MAX_ANSWER_BYTES = 64 << 20
CHUNK_BYTES = 1 << 16
_open: dict[tuple[str, int], subprocess.Popen[bytes]] = {}


def ask(program: str, arguments: Sequence[str], timeout_s: float) -> bytes:
    """What ExifTool prints for some arguments; empty when it fails, says too much, or takes too long.

    Not promised: safety among threads.
    """
    if any("\n" in argument for argument in arguments):
        return b""  # its arguments are lines
    key = (program, os.getpid())  # a forked child must not share its parent's pipe
    try:
        tool = _open.get(key)
        if tool is None or tool.poll() is not None:
            tool = _open[key] = _started(program)
        assert tool.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # what it printed before it ended still counts
            tool.stdin.write("\n".join([*arguments, "-execute1", ""]).encode("utf-8", "surrogateescape"))
            tool.stdin.flush()
    except OSError:
        close(key)
        return b""
    answer = _until_ready(tool, timeout_s)
    if answer is None:
        close(key)
        return b""
    return answer


def _started(program: str) -> subprocess.Popen[bytes]:
    # ExifTool converts local stamps with the host's zone
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    argv = [program, "-stay_open", "True", "-@", "-"]
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        preexec_fn=die_with_parent,  # it would look for more arguments for ever
    )


def _until_ready(tool: subprocess.Popen[bytes], timeout_s: float) -> bytes | None:
    """What comes before the mark of readiness, or before it ends; None when time or room is up."""
    assert tool.stdout is not None
    deadline, text = time.monotonic() + timeout_s, bytearray()
    with selectors.DefaultSelector() as waiting:
        waiting.register(tool.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and len(text) <= MAX_ANSWER_BYTES:
            if not waiting.select(left):
                break
            chunk = os.read(tool.stdout.fileno(), CHUNK_BYTES)
            text += chunk
            if not chunk:
                return bytes(text)
            if text.rstrip().endswith(READY):
                return bytes(text.rstrip()[: -len(READY)])
    return None


def close(key: tuple[str, int]) -> None:
    """Ends one ExifTool."""
    tool = _open.pop(key, None)
    if tool is not None:
        tool.kill()
        for pipe in (tool.stdin, tool.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        tool.wait()


@atexit.register
def close_all() -> None:
    """Ends every ExifTool that this process opened."""
    for key in [key for key in _open if key[1] == os.getpid()]:
        close(key)
