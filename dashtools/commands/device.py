"""dc-device: what this machine is, and which devices the spool knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dashtools.commands._run import Session, common

if TYPE_CHECKING:
    from dashtools.devices.adapter import QueueDevice


@click.group(context_settings={"help_option_names": ["--help"]})
def command() -> None:
    """Measure this device, register it, and list those that are known."""


@command.command()
@common
def probe(session: Session) -> int:
    """Measure this device and say what ails it; nothing is written. Status 69 when it is not fit for its work.

    Prints a line for each capability, null for what it lacks.
    """
    device = _own(session)
    found = device.get_device_capabilities().to_json()
    for key, value in _lines(found):
        session.emit("capability", f"{key} = {_text(value)}", key=key, value=value)
    ailments = device.ailments()
    for words in ailments:
        session.emit("ailment", f"not fit: {words}", words=words)
    return 69 if ailments else 0


@command.command()
@common
def register(session: Session) -> None:
    """Measure this device and write it into the spool; prints the file. Workers do so by themselves as they start."""
    _own(session).register()
    path = session.spool.root / "devices" / f"{session.config.device_id}.json"
    session.emit("device", str(path), path=str(path))


@command.command(name="list")
@common
def list_(session: Session) -> None:
    """List the devices that are registered or were seen working: who is alive, what each holds."""
    for device_id, device in _known(session).items():
        status = device["status"]
        state = "online" if status["online"] else "away"
        types = ",".join(device.get("task_types_supported", ())) or "-"
        heard = status.get("last_heartbeat", "never")
        text = f"{device_id:20} {device.get('device_type', '-'):14} {state:7} {status['tasks_running']:>3} running"
        session.emit("device", f"{text}  heard {heard}  {types}", **device)


@command.command()
@common
@click.argument("device_id", required=False, metavar="[DEVICE]")
def capabilities(session: Session, device_id: str | None) -> None:
    """Print what DEVICE, or this device, is registered with, as JSON."""
    from dashtools.config_keys import nearest
    from dashtools.errors import BadInput

    known, wanted = _known(session), device_id or session.config.device_id
    if wanted not in known:
        raise BadInput(f"no device {wanted}{nearest(wanted, list(known))}; dc-device register makes this one known")
    session.emit_json("device", **known[wanted])


def _own(session: Session) -> QueueDevice:
    from dashtools.devices.registry import adapter_for

    return adapter_for(session.spool, session.config)


def _known(session: Session) -> dict[str, dict[str, Any]]:
    from dashtools.web import fleet

    return fleet.devices(session.spool, float(session.config.global_settings["lease_seconds"]))


def _lines(found: dict[str, Any]) -> list[tuple[str, Any]]:
    own = {key: found[key] for key in ("device_id", "hostname", "device_type", "task_types_supported")}
    return [*own.items(), *sorted(found["capabilities"].items())]


def _text(value: Any) -> str:
    import orjson

    return value if isinstance(value, str) else orjson.dumps(value).decode()
