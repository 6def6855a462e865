"""Networks on ONNX Runtime: on CUDA where that really works, else on the CPU, and told truthfully."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from dashtools.errors import BackendUnavailable
from dashtools.log import LOGGER

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_QUIET = 4  # ONNX Runtime's severity "fatal": a missing CUDA library is told by session.get_providers()


def open_session(path: Path, *, use_cuda: bool | None = None, vram_limit_bytes: int | None = None) -> Any:
    """A session with one thread, on CUDA where that really works, else on the CPU.

    `session.get_providers()[0]` is the truth afterwards; `get_available_providers` is only a build's list.
    """
    if not path.is_file():
        raise BackendUnavailable(f"no model at {path}; run: dc-models install")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    wants_cuda = has_cuda() if use_cuda is None else use_cuda
    providers: list[Any] = [(CUDA, _cuda_options(vram_limit_bytes))] if wants_cuda else []
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[*providers, CPU])
    except Exception as error:  # ORT raises its own classes, which share no public base
        raise BackendUnavailable(f"ONNX Runtime cannot load {path.name}: {str(error)[:200]}") from error
    if wants_cuda and session.get_providers()[0] != CUDA:
        LOGGER.warning("%s runs on the CPU: CUDA was asked for and did not start (driver, cuDNN?)", path.name)
    return session


def has_cuda() -> bool:
    """Built for CUDA, and a device node is there: asking for CUDA without one costs seconds."""
    if CUDA not in onnxruntime.get_available_providers():
        return False
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/nvhost-gpu").exists() or Path("/dev/dxg").exists()


def _cuda_options(vram_limit_bytes: int | None) -> dict[str, str]:
    """Options of the CUDA provider: its arena stops at the limit and grows by what is asked, not to powers of two."""
    if vram_limit_bytes is None:
        return {}
    return {"gpu_mem_limit": str(vram_limit_bytes), "arena_extend_strategy": "kSameAsRequested"}


class Network:
    """A session that is opened afresh once when its GPU fails; `provider` says what runs it.

    A CUDA error stays with its process: where a fresh session fails as well, this process must end and another
    start. BackendUnavailable does that: the task waits without a failure, and the worker ends with status 69.
    """

    def __init__(self, path: Path, *, vram_limit_bytes: int | None = None) -> None:
        self._path, self._limit = path, vram_limit_bytes
        self._session = open_session(path, vram_limit_bytes=vram_limit_bytes)

    @property
    def provider(self) -> str:
        return str(self._session.get_providers()[0])

    @property
    def session(self) -> Any:
        """What is asked for inputs, outputs and metadata; it may be another one after a failure."""
        return self._session

    def run(self, outputs: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The outputs; BackendUnavailable when the GPU fails twice."""
        try:
            return self._answer(outputs, feeds)
        except Exception as error:  # ORT's own classes; on the CPU they are a fault of the input or of ours
            if self.provider != CUDA:
                raise
            LOGGER.warning("%s failed on the GPU, a fresh session is tried: %s", self._path.name, _short(error))
            self._session = open_session(self._path, vram_limit_bytes=self._limit)
        try:
            return self._answer(outputs, feeds)
        except Exception as error:
            reason = f"the GPU fails with {self._path.name}, also in a fresh session: {_short(error)}"
            raise BackendUnavailable(f"{reason}; this process has to be started again (systemd does)") from error

    def _answer(self, outputs: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        answer: list[NDArray[Any]] = self._session.run(outputs, dict(feeds))
        return answer


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
