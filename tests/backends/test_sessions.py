"""Sessions say what runs them, obey a limit, and outlive one failure of the GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashtools.backends import sessions
from dashtools.backends.sessions import CPU, CUDA, Network, open_session
from dashtools.errors import BackendUnavailable

FEEDS = {"images": np.zeros((1, 3, 4, 4), np.float32)}


class FakeSession:
    """Runs or fails as it is told, on the provider it is told."""

    def __init__(self, provider: str, failures: list[bool]) -> None:
        self.provider, self.failures = provider, failures

    def get_providers(self) -> list[str]:
        return [self.provider]

    def run(self, outputs: Any, feeds: Any) -> list[Any]:
        if self.failures and self.failures.pop(0):
            raise RuntimeError("CUDA failure 700: an illegal memory access was encountered\nmore")
        return [np.ones(1)]


class FakeRuntime:
    """onnxruntime with a CUDA that starts or does not."""

    SessionOptions = type("SessionOptions", (), {})

    def __init__(self, *, starts: bool, failures: list[bool] | None = None) -> None:
        self.starts, self.failures, self.asked = starts, failures or [], []

    def get_available_providers(self) -> list[str]:
        return [CUDA, CPU]

    def InferenceSession(self, path: str, options: Any, providers: list[Any]) -> FakeSession:
        self.asked.append(providers)
        return FakeSession(CUDA if self.starts and len(providers) > 1 else CPU, self.failures)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "m.onnx").write_bytes(b"model")
    return tmp_path / "m.onnx"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the log was told, whatever other tests made of the logger."""
    lines: list[str] = []
    monkeypatch.setattr(sessions.LOGGER, "warning", lambda text, *values: lines.append(text % values))
    return lines


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(*, starts: bool, failures: list[bool] | None = None) -> FakeRuntime:
        fake = FakeRuntime(starts=starts, failures=failures)
        monkeypatch.setattr(sessions, "onnxruntime", fake)
        monkeypatch.setattr(sessions, "has_cuda", lambda: True)
        return fake

    return install


def test_a_cuda_that_does_not_start_is_told_as_the_cpu_it_is(model: Path, runtime: Any, said: list[str]) -> None:
    runtime(starts=False)
    assert Network(model).provider == CPU
    assert said and said[0].startswith("m.onnx runs on the CPU")


def test_a_cuda_that_starts_is_told_without_a_word(model: Path, runtime: Any, said: list[str]) -> None:
    runtime(starts=True)
    assert Network(model).provider == CUDA and said == []


def test_the_limit_of_memory_reaches_the_gpus_arena(model: Path, runtime: Any) -> None:
    fake = runtime(starts=True)
    open_session(model, vram_limit_bytes=3 << 30)
    ((name, options), fallback) = fake.asked[0]
    assert (name, fallback) == (CUDA, CPU)
    assert options == {"gpu_mem_limit": str(3 << 30), "arena_extend_strategy": "kSameAsRequested"}


def test_one_failure_of_the_gpu_is_healed_by_a_fresh_session(model: Path, runtime: Any, said: list[str]) -> None:
    fake = runtime(starts=True, failures=[True])
    assert Network(model).run(None, FEEDS)[0] == 1
    assert len(fake.asked) == 2 and "a fresh session is tried: CUDA failure 700" in said[0]


def test_a_gpu_that_stays_sick_ends_the_process_and_costs_the_task_nothing(model: Path, runtime: Any) -> None:
    runtime(starts=True, failures=[True, True])
    with pytest.raises(BackendUnavailable, match="has to be started again") as caught:
        Network(model).run(None, FEEDS)
    assert (caught.value.becomes, caught.value.exit_status) == ("wait", 69)


def test_a_failure_on_the_cpu_is_no_sick_device(model: Path, runtime: Any) -> None:
    fake = runtime(starts=False, failures=[True])
    with pytest.raises(RuntimeError):
        Network(model).run(None, FEEDS)
    assert len(fake.asked) == 1
