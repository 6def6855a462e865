"""The closed list of failures: each class says its exit status and what becomes of the task.

Statuses are those of BSD sysexits(3). `becomes` is one of:
"flag"   the task is complete with the error flag: the same bytes would fail again;
"wait"   the task stays pending and its failures are not counted: the world must change first;
"retry"  the task stays pending and the failure counts towards `max_failures`;
"-"      no task is concerned.
"""

from __future__ import annotations

from typing import ClassVar


class DashtoolsError(Exception):
    """Anything that dashtools raises on purpose."""

    exit_status: ClassVar[int] = 70
    becomes: ClassVar[str] = "retry"


class ProcessingError(DashtoolsError):
    """A stage could not do its work (the root of the blueprint's family)."""


class IngestionError(ProcessingError):
    """A clip could not be taken in."""

    def __init__(self, filename: str, reason: str) -> None:
        super().__init__(f"{filename}: {reason}")
        self.filename = filename
        self.reason = reason


class PreprocessingError(ProcessingError):
    """A clip could not be filtered."""

    def __init__(self, task_id: str, frame: int | None = None, reason: str | None = None) -> None:
        where = task_id if frame is None else f"{task_id} frame {frame}"
        super().__init__(f"{where}: {reason or 'preprocessing failed'}")
        self.task_id = task_id
        self.frame = frame
        self.reason = reason


class HeavyProcessingError(ProcessingError):
    """Detection or reading failed."""


class ArchivalError(ProcessingError):
    """An archive copy could not be made or did not match."""


class TaskSystemError(DashtoolsError):
    """The spool is not what it should be."""


class BadInput(ProcessingError):
    """The bytes themselves are wrong; another try gives the same result."""

    exit_status = 65
    becomes = "flag"


class UnreadableClip(BadInput, IngestionError):
    """A clip that no decoder can use: says which file, what is wrong, and where."""


class InputMissing(ProcessingError):
    """A named input is absent although its storage is mounted."""

    exit_status = 66
    becomes = "flag"


class BackendUnavailable(ProcessingError):
    """A model, library or device that this work needs is not usable on this host."""

    exit_status = 69
    becomes = "wait"


class OutputRefused(DashtoolsError):
    """Nothing can be written: disk full, read-only, or no permission."""

    exit_status = 73
    becomes = "wait"
    storage: str | None = None
    """The storage that refused, where that is known only here."""


class TryLater(DashtoolsError):
    """The world is not ready: share not mounted, lock held, device busy."""

    exit_status = 75
    becomes = "wait"


class ClaimLost(TaskSystemError):
    """Another worker took this claim over; what this attempt made is thrown away."""

    becomes = "-"


class BadConfig(DashtoolsError):
    """A configuration that must not be used."""

    exit_status = 78
    becomes = "-"


class Usage(DashtoolsError):
    """A command was called wrongly."""

    exit_status = 64
    becomes = "-"
