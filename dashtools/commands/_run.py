"""Where every command is entered: options that all share, and one place that turns errors into exit statuses."""

from __future__ import annotations

import functools
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import dashtools
from dashtools import log
from dashtools.errors import BadInput, DashtoolsError
from dashtools.interrupts import Stopped, stopping_by_signal

if TYPE_CHECKING:
    from dashtools.config import Config
    from dashtools.spool.layout import Entry
    from dashtools.spool.queue import Spool


@dataclass(frozen=True)
class Session:
    """What the shared options say; opens the spool and loads the configuration when they are needed."""

    spool_option: Path | None = None
    config_option: Path | None = None
    verbosity: int = 0
    as_json: bool = False
    host_id: str | None = None
    lease_s: float | None = None

    @functools.cached_property
    def spool_path(self) -> Path:
        from dashtools.config import find_spool

        return find_spool(self.spool_option, self.config_option)

    @functools.cached_property
    def spool(self) -> Spool:
        from dashtools.spool.queue import Spool

        return Spool.open(self.spool_path, host_id=self.host_id)

    @functools.cached_property
    def config(self) -> Config:
        from dashtools.config import load

        flags = {} if self.lease_s is None else {"global.lease_seconds": self.lease_s}
        return load(self.spool_path, self.config_option, flags=flags)

    def over(self, outer: Session) -> Session:
        """The same, with what only a group before the subcommand was told: dc-web --spool X token add NAME."""
        pairs = [(field.name, getattr(self, field.name) or getattr(outer, field.name)) for field in fields(self)]
        return Session(**dict(pairs))

    def emit(self, kind: str, text: str, /, **fields: Any) -> None:
        """One result on stdout: plain text, or with --json a line with its "type"."""
        if self.as_json:
            self.emit_json(kind, **fields)
            return
        click.echo(text)
        sys.stdout.flush()

    def emit_json(self, kind: str, **fields: Any) -> None:
        """One result on stdout as a JSON line, also without --json."""
        import orjson

        click.echo(orjson.dumps({"type": kind, **fields}))
        sys.stdout.flush()


def common(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of every command and hands them over as one Session, the first argument."""

    @click.option("--spool", "spool_option", type=click.Path(path_type=Path), metavar="DIR", help="The spool to use.")
    @click.option(
        "--config",
        "config_option",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A configuration file of this host.",
    )
    @click.option("-v", "--verbose", "verbosity", count=True, help="Say more on stderr; twice for everything.")
    @click.option("--json", "as_json", is_flag=True, help="Results as JSON lines.")
    @click.option("--host-id", metavar="NAME", help="Stand in for this host's name (to try out several hosts on one).")
    @click.option("--lease", "lease_s", type=float, metavar="SECONDS", help="Lease of workers on other hosts.")
    @click.version_option(dashtools.__version__, prog_name="dashtools")
    @functools.wraps(function)
    def wrapped(
        spool_option: Path | None,
        config_option: Path | None,
        verbosity: int,
        as_json: bool,
        host_id: str | None,
        lease_s: float | None,
        **rest: Any,
    ) -> Any:
        context = click.get_current_context()
        session = Session(spool_option, config_option, verbosity, as_json, host_id, lease_s)
        context.obj = session.over(context.obj) if isinstance(context.obj, Session) else session
        log.configure(context.obj.verbosity)
        return function(context.obj, **rest)

    return wrapped


def main(name: str) -> None:
    """Runs dc-<name> and leaves with its sysexits status."""
    module = importlib.import_module(f"dashtools.commands.{name.replace('-', '_')}")
    sys.exit(status_of(module.command, f"dc-{name}"))


def status_of(command: click.Command, prog: str, args: list[str] | None = None) -> int:
    """The exit status of a command; its errors become one line on stderr."""
    try:
        with stopping_by_signal():
            words = sys.argv[1:] if args is None else args
            with command.make_context(prog, list(words)) as context:  # main() would turn a closed pipe into 1
                result = command.invoke(context)
            sys.stdout.flush()
            return result if isinstance(result, int) else 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return 64
    except (Stopped, KeyboardInterrupt, click.Abort) as error:
        return 128 + getattr(error, "signum", 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except DashtoolsError as error:
        click.echo(f"{prog}: {error}", err=True)
        return error.exit_status
    except Exception:
        traceback.print_exc()
        click.echo(f"{prog}: this is a fault of dashtools; the lines above say where", err=True)
        return DashtoolsError.exit_status


def shown(path: Path) -> str:
    """A path as JSON can carry it; bytes of a name that are no UTF-8 as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def lines_of_stdin() -> Iterator[str]:
    """What a pipe sends, a stripped line at a time; nothing when stdin is a terminal."""
    if sys.stdin is None or sys.stdin.isatty():
        return
    for line in sys.stdin:
        if line.strip():
            yield line.strip()


def entry_for(session: Session, word: str) -> Entry:
    """The task that a person or a pipe means: a path in the spool, a JSON line with one, or a task id."""
    from dashtools.spool import layout

    if word.startswith("{"):
        import orjson

        word = str(orjson.loads(word).get("path") or orjson.loads(word).get("task_id"))
    root = str(session.spool.root)
    if word.startswith(root + "/") or word.startswith(("pending/", "complete/")):
        relative = word[len(root) + 1 :] if word.startswith(root + "/") else word
        entry = layout.parse(relative)
        if entry is not None and session.spool.has(entry):
            return entry
        word = entry.task_id if entry is not None else word
    found = session.spool.find(word)
    if found is None:
        raise BadInput(f"{word}: no such task in {root}; dc-ls lists them")
    return found
