"""How the worker commands run: one process, or several with one progress line for all."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dashtools.commands._progress import OFF, QueueBar, TaskBar
from dashtools.commands._run import Session, entry_for
from dashtools.interrupts import Stopped
from dashtools.log import LOGGER

if TYPE_CHECKING:
    from dashtools.attempt import Builder, Ending
    from dashtools.config import Config
    from dashtools.model import Task
    from dashtools.worker import Plan, Worker

PR_SET_PDEATHSIG = 1  # prctl(2)


def work(session: Session, task_types: Sequence[str], mode: str, words: Sequence[str] = ()) -> int:
    """Works in this process; prints each finished task's new path; the exit status."""
    from dashtools.commands._stages import stage_tools

    worker = worker_for(session, task_types, stage_tools(session.config))
    with _courteous(session):
        if words:
            worker.run_entries([entry_for(session, word) for word in words])
        else:
            worker.run(mode)
    return status_after(worker)


def _courteous(session: Session) -> contextlib.AbstractContextManager[None]:
    """While it holds, this worker ends when its device is wanted by others."""
    from dashtools.devices.registry import adapter_for
    from dashtools.devices.yielding import yielding

    device = adapter_for(session.spool, session.config)
    return yielding(device.wanted_elsewhere) if device.device_type == "rtx_4090" else contextlib.nullcontext()


def status_after(worker: Worker) -> int:
    """0, or the status of what was missing."""
    return max((error.exit_status for error in worker.unavailable.values()), default=0)


def worker_for(session: Session, task_types: Sequence[str], tools: Mapping[str, Builder]) -> Worker:
    """A worker of this host's configuration that shows progress and prints each finished task's new path."""
    from dashtools.devices.places import HostPlaces
    from dashtools.devices.registry import adapter_for
    from dashtools.spool.queue import Claim
    from dashtools.worker import Worker

    config = session.config
    device = adapter_for(session.spool, config)
    device.register()
    bar = TaskBar()

    def report(claim: Claim, ending: Ending) -> None:
        bar.clear()
        told(session, claim.task, ending, str(ending.path), path=str(ending.path))

    plan = plan_of(config, task_types, device.served_capabilities())
    return Worker(session.spool, plan, tools, HostPlaces(config), progress=bar.of, report=report)


def plan_of(config: Config, task_types: Sequence[str], able: Mapping[str, Any]) -> Plan:
    """What a worker of this host is to do and how."""
    from dashtools.attempt import Rules
    from dashtools.worker import Plan

    rules = config.global_settings
    return Plan(
        task_types=task_types,
        capabilities=able,
        settings={**config.processing, "finalize": rules["finalize"]},
        rules=Rules(float(rules["task_retry_delay_seconds"]), int(rules["max_failures"])),
        lease_s=float(rules["lease_seconds"]),
        stage_timeout_s=float(rules["stage_timeout_seconds"]),
        about={"device_id": config.device_id},
        state_dir=config.state_dir,
        most_at_once=rules["max_concurrent_tasks_per_device"] or cores(),
    )


def told(session: Session, task: Task, ending: Ending, place: str, **where: str) -> None:
    """One finished attempt: a line in the log, and where the task is now as a result."""
    words = {"flagged": "was flagged", "complete": "was completed"}.get(ending.how, "will be tried again")
    level = LOGGER.info if ending.how == "complete" else LOGGER.warning
    clip = task.metadata.get("clip", task.video_id)
    level("%s %s %s in %.1f s %s", task.task_type, clip, words, ending.seconds, ending.message)
    fields = {**where, "task_id": task.task_id, "task_type": task.task_type}
    session.emit("task", place, how=ending.how, seconds=round(ending.seconds, 3), **fields)


def chosen(config: Config, task_types: Sequence[str]) -> list[str]:
    """The types to work on, the last stage first, so that a clip is finished before the next is begun."""
    allowed = config.task_types
    types = [name for name in task_types or allowed if name in allowed]
    if not types:
        raise click.UsageError(
            f"this device may do {', '.join(allowed) or 'nothing'}; see task_types in the configuration"
        )
    return types[::-1]


def work_in_processes(session: Session, task_types: Sequence[str], mode: str, jobs: int) -> int:
    """The same in `jobs` processes of this command; the worst exit status. Their end is ours and ours theirs."""
    argv = [sys.executable, str(Path(sys.argv[0]).resolve()), f"--{mode}", "--jobs", "1", *_options(session)]
    argv += [word for task_type in reversed(task_types) for word in ("--type", task_type)]  # the child turns them round
    bar = QueueBar(session.spool, task_types)
    try:
        return together(argv, jobs, bar.draw)
    finally:
        bar.clear()


def together(argv: list[str], jobs: int, each_second: Callable[[], None]) -> int:
    """The worst exit status of `jobs` processes of one command; their end is ours and ours theirs."""
    children = [subprocess.Popen(argv, preexec_fn=_die_with_parent, env={**os.environ, OFF: "1"}) for _ in range(jobs)]
    try:
        while any(child.poll() is None for child in children):
            each_second()
            _wait_any(children, 1.0)
    except Stopped:
        for child in children:
            child.send_signal(signal.SIGTERM)
        raise
    finally:
        statuses = [child.wait() for child in children]
    bad = [status for status in statuses if status != 0]
    return 0 if not bad else bad[0] if bad[0] > 0 else 128 - bad[0]


def _options(session: Session) -> list[str]:
    pairs: list[tuple[str, Any]] = [
        ("--spool", session.spool_path),
        ("--config", session.config_option),
        ("--host-id", session.host_id),
        ("--lease", session.lease_s),
    ]
    given = [text for name, value in pairs if value is not None for text in (name, str(value))]
    return given + ["-v"] * session.verbosity + ["--json"] * session.as_json


def _wait_any(children: Sequence[subprocess.Popen[bytes]], seconds: float) -> None:
    for child in children:
        if child.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=seconds)
            return


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0))


def mode_options(function: Any) -> Any:
    """--once, --drain (the default) and --watch."""
    for name, text in (
        ("watch", "Go on for ever; wake when something is published."),
        ("drain", "Work until nothing is ready (the default)."),
        ("once", "Work on one task."),
    ):
        function = click.option(f"--{name}", "mode", flag_value=name, help=text)(function)
    return function
