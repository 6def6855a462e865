"""One attempt at one task: resolve inputs, run the stage, digest what it left, say how it ended.

The only place where a task meets a stage. Results are written into a folder that carries the attempt's number, so that
a worker which lost its claim without noticing can never touch another attempt's files.
"""

from __future__ import annotations

import os
import shutil
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import orjson

from dashtools.errors import BadInput, DashtoolsError, OutputRefused, TryLater
from dashtools.files import refusals, sha256_of, sync_folder
from dashtools.interrupts import uninterrupted
from dashtools.model import OUT, ChildTask, FileRef, Json, StageResult, Task, with_changes
from dashtools.ports import Progress, Stage, StageContext
from dashtools.spool.cleanup import is_full, room_was_refused
from dashtools.spool.queue import Claim, Spool, backoff_s
from dashtools.spool.reserve import Reserve
from dashtools.times import to_text, utc_now


class Places(Protocol):
    """Where this host finds inputs and puts outputs."""

    def resolve(self, ref: FileRef) -> Path:
        """The local path of an input; TryLater when its storage is away, InputMissing when the file is."""
        ...

    def output_folder(self, kind: str) -> tuple[str, Path, str]:
        """Storage name, its local root, and the folder of a kind below it; TryLater when it is away."""
        ...


@dataclass(frozen=True)
class Ending:
    """How an attempt ended: complete, flagged, retry or wait; `path` is where the task is now."""

    how: str
    path: Path | None
    message: str = ""
    seconds: float = 0.0
    error: DashtoolsError | None = None


@dataclass(frozen=True)
class Rules:
    """What the configuration says about trying again."""

    retry_delay_s: float
    max_failures: int


def attempt(
    spool: Spool,
    claim: Claim,
    stage: Stage,
    places: Places,
    *,
    settings: Mapping[str, Any],
    rules: Rules,
    progress: Progress,
    began: Callable[[Path], None] = lambda out: None,
) -> Ending:
    """Runs a claimed task to one of its ends; only signals and a lost claim leave it by an exception."""
    started = time.monotonic()
    out: Path | None = None
    is_committing = False
    storage, root = "", Path()
    try:
        if claim.problem is not None:
            raise BadInput(claim.problem)
        paths = _resolve(claim.task.inputs, places)
        storage, root, folder = places.output_folder(stage.kind)
        prefix = f"{folder}/{claim.task.video_id}/{claim.task.task_id}.a{claim.entry.attempt:02d}"
        began(root / prefix)
        out = _fresh_folder(root / prefix)
        result = stage(StageContext(claim.task, paths, out, settings, progress))
        outputs = _seal(out, result, storage, prefix)
        _refuse_unmounted(places, stage.kind, out, result)
        final = _final(spool, claim, result, outputs, settings, time.monotonic() - started)
        children = [_placed(child, storage, prefix) for child in result.children]
        with uninterrupted():
            is_committing = True
            path = spool.commit(claim, final, children=children, rows=_row_lines(result.rows, prefix))
            kept, out = out, None  # committed: from here on nothing may remove it
        _drop_dead_attempts(kept, claim.task)
        return Ending("complete", path, seconds=time.monotonic() - started)
    except BaseException as error:
        if out is not None and not is_committing:
            shutil.rmtree(out, ignore_errors=True)
        if not isinstance(error, Exception):
            raise
        trouble = known(error)
        with uninterrupted():
            if is_full(trouble):
                Reserve(spool.files).relieve()
            ending = _ended_by(spool, claim, trouble, rules, time.monotonic() - started)
        if out is not None:  # the claim could still be given back, so its commit does not stand
            shutil.rmtree(out, ignore_errors=True)
        if isinstance(trouble, OutputRefused) and (storage or trouble.storage):
            room_was_refused(spool, storage or str(trouble.storage), root, trouble)
        return ending


def _resolve(inputs: Sequence[FileRef], places: Places) -> dict[str, list[Path]]:
    paths: dict[str, list[Path]] = {}
    for ref in inputs:
        path = places.resolve(ref)
        if ref.size_bytes is not None and path.is_file() and path.stat().st_size != ref.size_bytes:
            raise BadInput(
                f"{ref.device}:{ref.path} has {path.stat().st_size} bytes, the task was made for {ref.size_bytes}: "
                "it was replaced; the new version is taken in as a clip of its own"
            )
        paths.setdefault(ref.type, []).append(path)
    return paths


def _fresh_folder(out: Path) -> Path:
    with refusals(out):
        if out.exists():
            shutil.rmtree(out)  # a number is used by one claim only: this is our own lost reply
        out.mkdir(parents=True)
    return out


def _seal(out: Path, result: StageResult, storage: str, prefix: str) -> tuple[FileRef, ...]:
    """Makes every output durable and takes its digest; the record will name nothing that is not on disk."""
    refs = []
    for output in result.outputs:
        path = out / output.path
        with refusals(path), open(path, "rb") as stream:
            os.fsync(stream.fileno())
        refs.append(
            FileRef(storage, f"{prefix}/{output.path}", output.type, False, sha256_of(path), path.stat().st_size)
        )
    for folder in [*sorted({(out / o.path).parent for o in result.outputs}), out, out.parent, out.parent.parent]:
        sync_folder(folder)
    return tuple(refs)


def _refuse_unmounted(places: Places, kind: str, out: Path, result: StageResult) -> None:
    """TryLater when the storage went away while the stage wrote, so that files lie below its bare mount point.

    They were synced by their paths; what is still found by them once the storage is seen to be there, lies on it.
    """
    places.output_folder(kind)
    missing = next((output.path for output in result.outputs if not os.path.lexists(out / output.path)), None)
    if missing is not None:
        raise TryLater(f"{out / missing} is gone: the storage was unmounted meanwhile; it is done again")


def _final(
    spool: Spool,
    claim: Claim,
    result: StageResult,
    outputs: tuple[FileRef, ...],
    settings: Mapping[str, Any],
    seconds: float,
) -> Task:
    metadata: Json = {**claim.task.metadata, **result.metadata}
    metadata["attempt_seconds"] = round(seconds, 3)
    return with_changes(
        claim.task,
        state="complete",
        completed_at=to_text(utc_now()),
        outputs=outputs,
        metadata=metadata,
        params={**claim.task.params, "settings": dict(settings)},
        error=None,
        history=(*claim.task.history, *_earlier(spool, claim)),
    )


def _earlier(spool: Spool, claim: Claim) -> list[Json]:
    if claim.entry.attempt <= 1:
        return []
    known = {entry.get("attempt") for entry in claim.task.history}
    return [entry for entry in spool.attempts(claim.entry) if entry["attempt"] not in known]


def _placed(child: ChildTask, storage: str, prefix: str) -> ChildTask:
    inputs = tuple(
        replace(ref, device=storage, path=f"{prefix}/{ref.path}") if ref.device == OUT else ref for ref in child.inputs
    )
    return replace(child, inputs=inputs)


def _row_lines(rows: Sequence[Json], prefix: str) -> bytes:
    lines = []
    for row in rows:
        placed = {k: f"{prefix}/{v[OUT]}" if isinstance(v, dict) and OUT in v else v for k, v in row.items()}
        lines.append(orjson.dumps(placed, option=orjson.OPT_APPEND_NEWLINE))
    return b"".join(lines)


def _drop_dead_attempts(out: Path, task: Task) -> None:
    """Removes what attempts that never committed left beside this one."""
    committed = {f"{task.task_id}.a{int(e['attempt']):02d}" for e in task.history if e.get("event") == "complete"}
    for folder in out.parent.glob(f"{task.task_id}.a*"):
        if folder.name < out.name and folder.name not in committed:
            shutil.rmtree(folder, ignore_errors=True)


def known(error: Exception) -> Exception:
    """An OSError that says "the disk refuses" in our words; everything else as it is."""
    if isinstance(error, OSError):
        try:
            with refusals(Path(str(error.filename or "output"))):
                raise error
        except (OSError, OutputRefused) as translated:
            return translated
    return error


def _ended_by(spool: Spool, claim: Claim, error: Exception, rules: Rules, seconds: float) -> Ending:
    becomes = error.becomes if isinstance(error, DashtoolsError) else "retry"
    if becomes == "-":
        raise error
    ours = error if isinstance(error, DashtoolsError) else None
    failures = claim.entry.failures + (becomes == "retry")
    if becomes == "flag" or failures >= rules.max_failures:
        path = spool.commit(claim, _flagged(spool, claim, error, failures))
        return Ending("flagged", path, str(error), seconds, ours)
    reason = {"event": "failed" if becomes == "retry" else "waited", **describe(error, with_traceback=ours is None)}
    delay_s = backoff_s(rules.retry_delay_s, failures, claim.entry.key)
    path = spool.release(claim, reason=reason, failures=int(becomes == "retry"), delay_s=delay_s)
    return Ending("retry" if becomes == "retry" else "wait", path, str(error), seconds, ours)


def _flagged(spool: Spool, claim: Claim, error: Exception, failures: int) -> Task:
    is_input = isinstance(error, DashtoolsError) and error.becomes == "flag"
    return with_changes(
        claim.task,
        state="complete",
        failures=failures,
        completed_at=to_text(utc_now()),
        error=describe(error, with_traceback=not is_input),
        history=(*claim.task.history, *_earlier(spool, claim)),
    )


def describe(error: Exception, *, with_traceback: bool) -> Json:
    """The `error` object of a record."""
    is_flag = isinstance(error, DashtoolsError) and error.becomes == "flag"
    text = "".join(traceback.format_exception(error)) if with_traceback else None
    return {
        "class": type(error).__name__,
        "message": str(error) or type(error).__name__,
        "retryable": not is_flag,
        "traceback": text,
    }


Builder = Callable[[], Stage]
"""Builds a stage with this host's tools; raises BackendUnavailable when one is missing."""
