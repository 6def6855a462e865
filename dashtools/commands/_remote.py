"""dc-run --server: this host works for a dc-web whose share it cannot mount."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dashtools.commands._progress import TaskBar
from dashtools.commands._run import Session
from dashtools.commands._work import chosen, cores, together, told
from dashtools.errors import BadConfig

if TYPE_CHECKING:
    from dashtools.attempt import Ending
    from dashtools.config import Config
    from dashtools.devices.server import Server
    from dashtools.ports import ServedTask

TOKEN = "DASHTOOLS_TOKEN"


def token_of(file: Path | None) -> str | None:
    """The token in a file that nobody else can read, else the environment's; never an option, for `ps` shows those."""
    if file is None:
        return os.environ.get(TOKEN)
    try:
        mode, text = file.stat().st_mode, file.read_text().strip()
    except OSError as error:
        raise BadConfig(f"{file}: {error.strerror}; dc-web token add NAME --scope work makes a token") from error
    if stat.S_IMODE(mode) & 0o077:
        raise BadConfig(f"{file} can be read by others; make it your own with: chmod 600 {file}")
    return text


def run_remotely(
    session: Session, url: str, token_file: Path | None, mode: str, jobs: int | None, task_types: tuple[str, ...]
) -> int:
    """Works for the server in as many processes as asked for; prints the address of each finished task."""
    from dashtools.config import load
    from dashtools.config_files import data_parent
    from dashtools.devices.mirror import mirrored
    from dashtools.devices.server import Server

    server = Server(url, token_of(token_file))
    flags = {} if session.lease_s is None else {"global.lease_seconds": session.lease_s}
    config = load(mirrored(server, data_parent()), session.config_option, flags=flags)
    types = chosen(config, task_types)
    limit = config.global_settings["max_concurrent_tasks_per_device"]
    wanted = jobs if jobs is not None else min(cores(), limit or cores())
    if wanted == 1 or mode == "once":
        return _work(session, server, config, types, mode)
    argv = [sys.executable, str(Path(sys.argv[0]).resolve()), f"--{mode}", "--jobs", "1", "--server", url]
    argv += [] if token_file is None else ["--token-file", str(token_file)]
    argv += [] if session.config_option is None else ["--config", str(session.config_option)]
    argv += ["-v"] * session.verbosity + ["--json"] * session.as_json
    argv += [word for task_type in reversed(types) for word in ("--type", task_type)]
    return together(argv, wanted, lambda: None)


def _work(session: Session, server: Server, config: Config, types: list[str], mode: str) -> int:
    from dashtools.commands._stages import stage_tools
    from dashtools.commands._work import plan_of
    from dashtools.devices.registry import adapter_for
    from dashtools.devices.server_queue import ServerQueue
    from dashtools.remote import RemoteWorker

    device = adapter_for(ServerQueue(server, config.device_id), config)
    device.register()
    bar = TaskBar()

    def report(held: ServedTask, ending: Ending) -> None:
        bar.clear()
        address = f"{server.url}/tasks/{held.task.task_id}"
        told(session, held.task, ending, address, url=address)

    plan = plan_of(config, types, device.served_capabilities())
    worker = RemoteWorker(server, plan, stage_tools(config), config.state_dir, progress=bar.of, report=report)
    worker.run(mode)
    for task_type, error in worker.unavailable.items():
        click.echo(f"{task_type}: {error}", err=True)
    return max((error.exit_status for error in worker.unavailable.values()), default=0)
