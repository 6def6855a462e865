"""dc-config: what this host's settings are, where each comes from, and changing them safely."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dashtools.commands._run import Session, common
from dashtools.devices.config_changes import ABSENT

if TYPE_CHECKING:
    from dashtools.devices.config_changes import Change


@click.group(context_settings={"help_option_names": ["--help"]})
def command() -> None:
    """Show, check and change the configuration: the spool's shared file and this host's own."""


@command.command()
@common
@click.argument("file", required=False, type=click.Path(path_type=Path), metavar="[FILE]")
def check(session: Session, file: Path | None) -> int:
    """Check every file of the configuration, or one FILE before it is used; status 78 and every problem if it is bad.

    Nothing is printed when all is well.
    """
    from dashtools.config_keys import HOST_SHAPE
    from dashtools.config_store import ConfigManager, problems_of_file

    if file is not None:
        found = problems_of_file(file, HOST_SHAPE)
    else:
        found = ConfigManager(session.spool_path, session.config_option).validate_config()
    for line in found:
        if session.as_json:
            session.emit("problem", line, text=line)
        else:
            click.echo(line, err=True)
    return 78 if found else 0


@command.command()
@common
@click.argument("key", required=False)
def get(session: Session, key: str | None) -> None:
    """Print the value of KEY (text as it is, everything else as JSON), or every key with its value."""
    import orjson

    values = session.config.values()
    for name in [session.config.full_key(key)] if key else sorted(values):
        value = values[name]
        text = value if key and isinstance(value, str) else orjson.dumps(value).decode()
        session.emit("setting", text if key else f"{name} = {text}", key=name, value=value)


@command.command()
@common
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
def explain(session: Session, keys: tuple[str, ...]) -> None:
    """Say which layer gave the value of each KEY: default, shared file, host file, environment or flag."""
    for key in keys:
        name = session.config.full_key(key)
        origin = session.config.origins.get(name, "default")
        session.emit(
            "setting", session.config.explain(key), key=name, value=session.config.values()[name], layer=origin
        )


@command.command("set", context_settings={"ignore_unknown_options": True})  # a VALUE may be -500
@common
@click.argument("key")
@click.argument("value")
@click.option("--device", metavar="ID", help="Set it for one device: KEY is then below devices.ID.")
@click.option("--host", "is_host", is_flag=True, help="Set it in this host's own file instead of the shared one.")
def set_(session: Session, key: str, value: str, device: str | None, is_host: bool) -> None:
    """Set KEY (dotted) to VALUE (JSON, or plain text); prints the file that changed, nothing when it was so already."""
    from dashtools.config_store import ConfigManager, update_host_file

    update = _nested([*(("devices", device) if device and is_host else ()), *key.split(".")], _parsed(value))
    if is_host:
        path = session.config.host_file
        has_changed = update_host_file(path, update)
    else:
        manager = ConfigManager(session.spool_path, session.config_option)
        path = manager.path
        has_changed = manager.update_config(update, device)
    if has_changed:
        session.emit("file", str(path), path=str(path))
    else:
        click.echo(f"{key} was so already", err=True)


@command.command()
@common
@click.argument("file", required=False, type=click.Path(path_type=Path), metavar="[FILE]")
def diff(session: Session, file: Path | None) -> int:
    """Print each key of this host that is not at its default, or how FILE differs from the shared file.

    Status 78 when FILE must not be used. Nothing is changed.
    """
    from dashtools.devices import config_changes as changes

    if file is None:
        found = changes.from_defaults(session.config)
    else:
        found = changes.between_files(session.spool_path, file)
    for change in found:
        _tell(session, change)
    return 0


@command.command()
@common
@click.option("--once", is_flag=True, help="End after the first change.")
@click.option("--poll", "poll_s", type=float, default=5.0, show_default=True, help="Longest wait between two looks.")
def watch(session: Session, once: bool, poll_s: float) -> None:
    """Print each key whose value on this host changes, as the shared file does; a bad file is told and not used."""
    from dashtools.config import load
    from dashtools.devices.config_changes import Watch
    from dashtools.log import LOGGER

    watched = Watch(session.spool_path, session.config_option, lambda: load(session.spool_path, session.config_option))
    LOGGER.info("watching %s", watched.path)
    for look in watched.looks(poll_s):
        for line in look.problems:
            click.echo(f"not used: {line}", err=True)
        for change in look.changes:
            _tell(session, change)
        if look.changes and once:
            return


@command.command("systemd")
@common
@click.argument("role")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("."), help="Where; here.")
@click.option("--user", default="dashtools", show_default=True, help="Who runs the services.")
@click.option("--bin", "commands", type=click.Path(path_type=Path), help="Where the commands are; beside this one.")
def systemd_(session: Session, role: str, out: Path, user: str, commands: Path | None) -> None:
    """Write the units of ROLE for this host's folders and mounts; prints each file. Nothing is enabled.

    ROLE: all_in_one, indoor_nas, jetson_coral, rtx_4090, shed_nas or main_server.
    """
    from dashtools.devices.units import Host, enabled, units
    from dashtools.files import write_whole

    host = Host((commands or Path(sys.argv[0]).parent).resolve(), user)
    for name, text in units(role, session.config, host).items():
        write_whole(out / name, text.encode())
        session.emit("file", str(out / name), path=str(out / name))
    click.echo(
        f"next: copy them to /etc/systemd/system, then systemctl enable --now {' '.join(enabled(role))}", err=True
    )


def _tell(session: Session, change: Change) -> None:
    import orjson

    texts = ["(none)" if value is ABSENT else orjson.dumps(value).decode() for value in (change.before, change.after)]
    given = {name: v for name, v in (("before", change.before), ("after", change.after)) if v is not ABSENT}
    where = f"  ({change.layer})" if change.layer else ""
    session.emit(
        "change", f"{change.key}: {texts[0]} -> {texts[1]}{where}", key=change.key, layer=change.layer, **given
    )


def _nested(words: list[str], value: Any) -> dict[str, Any]:
    """["a", "b"], 1 as {"a": {"b": 1}}."""
    return {words[0]: _nested(words[1:], value) if len(words) > 1 else value}


def _parsed(text: str) -> Any:
    """JSON where it is JSON (true, 3, [..]), the text itself otherwise; - reads stdin."""
    import orjson

    text = sys.stdin.read() if text == "-" else text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
