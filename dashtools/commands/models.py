"""dc-models: which weights there are, whether they are here, and whether they are right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from dashtools.commands._run import Session, common


@click.group("dc-models")
def command() -> None:
    """List, install and verify model weights."""


@command.command("list")
@common
def list_models(session: Session) -> int:
    """Print every known model: name, kind, licence, and whether it is installed; * marks the defaults.

    With --json also sha256, source, is_default, is_installed and path.
    """
    import orjson

    from dashtools.devices.models import describe, registry

    for model in registry():
        if session.as_json:
            click.echo(orjson.dumps(describe(model, _folder(session))))
            continue
        mark = "*" if model.is_default else " "
        click.echo(f"{mark} {model.name:10} {model.kind:9} {model.licence:11} {model.state(_folder(session))}")
    return 0


@command.command("install")
@common
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--quiet", is_flag=True, help="Say nothing when all is well.")
def install(session: Session, names: tuple[str, ...], quiet: bool) -> int:
    """Fetch, convert and verify models (all defaults when none is named); prints the path of each.

    What is there and right is left alone. The default detector's weights are under AGPL-3.0: they are fetched for
    you, not distributed with this program.
    """
    from dashtools.devices.models import find, registry
    from dashtools.devices.models import install as installed

    status = 0
    for name in names or [m.name for m in registry() if m.is_default]:
        is_new = find(name).state(_folder(session)) != "installed"
        failed = _each(session, name, "installed", lambda n: installed(n, _folder(session)), quiet)
        if not failed and (is_new or not quiet):
            click.echo(f"{name}: licence {find(name).licence}", err=True)
        status = max(status, failed)
    return status


@command.command("verify")
@common
@click.argument("names", nargs=-1, metavar="[NAME]...")
def verify(session: Session, names: tuple[str, ...]) -> int:
    """Check the digests of models (all defaults when none is named); exits with 69 when one is missing or wrong."""
    from dashtools.devices.models import find, registry

    status = 0
    for name in names or [m.name for m in registry() if m.is_default]:
        status = max(status, _each(session, name, "verified", lambda n: find(n).verified(_folder(session))))
    return status


def _folder(session: Session) -> Path:
    """The models folder of this host's configuration; without a spool yet, the default one."""
    from dashtools.devices.models import models_folder
    from dashtools.errors import TryLater

    try:
        return session.config.models_dir
    except TryLater:
        return models_folder()


def _each(session: Session, name: str, kind: str, act: Callable[[str], Path], quiet: bool = False) -> int:
    """One model's path on stdout, or why not on stderr; one bad item does not stop the rest."""
    from dashtools.errors import BackendUnavailable

    try:
        path = act(name)
    except BackendUnavailable as error:
        click.echo(f"dc-models: {error}", err=True)
        return error.exit_status
    if not quiet:
        session.emit(kind, str(path), name=name, path=str(path))
    return 0
