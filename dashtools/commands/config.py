"""dc-config: what this host's settings are, where each comes from, and changing them safely."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from dashtools.commands._run import Session, common


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


@command.command("set")
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
