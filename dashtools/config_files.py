"""Where the configuration's files lie and how they are read: shared with the spool, or this host's own."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import orjson

from dashtools.config_keys import HOST_SHAPE, problems
from dashtools.errors import BadConfig, BadInput, TryLater
from dashtools.model import Json


def shared_file(spool: Path) -> Path:
    """Where a spool keeps the configuration that all its hosts share."""
    return spool / "config" / "config.json"


def read_document(path: Path, shape: Json, *, must_exist: bool = False) -> Json:
    """A configuration file, checked; {} when it is absent; BadConfig names the file and every key path."""
    try:
        value = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        if must_exist:
            raise BadConfig(f"{path}: no such configuration file") from None
        return {}
    except ValueError as error:
        raise BadConfig(f"{path}: not JSON: {error}") from None
    except OSError as error:
        raise TryLater(f"cannot read {path}: {error.strerror}") from error
    found = problems(value, shape)
    if found:
        raise BadConfig("\n".join(f"{path}: {line}" for line in found))
    assert isinstance(value, dict)
    return value


def merged(below: Json, above: Json) -> Json:
    """Two documents as one: objects are joined, everything else of `above` wins.

    >>> merged({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    out = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else value
    return out


def checkout() -> Path | None:
    """The source tree we run from: setup.cfg lies beside the package."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "setup.cfg").is_file() else None


def data_parent(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder for everything this host keeps: $DASHTOOLS_DATA, the checkout's data/, or the XDG data folder."""
    if environ.get("DASHTOOLS_DATA"):
        return Path(environ["DASHTOOLS_DATA"])
    root = checkout()
    return root / "data" if root else _xdg_data(environ) / "dashtools"


def _xdg_data(environ: Mapping[str, str]) -> Path:
    given = environ.get("XDG_DATA_HOME", "")
    return Path(given) if given.startswith("/") else Path.home() / ".local" / "share"


def state_dir_of(spool: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Where this host keeps what belongs to one spool (host.json, index.db, its own storages, cache/)."""
    try:
        uuid = str(orjson.loads((spool / "VERSION").read_bytes())["uuid"])
    except OSError as error:
        raise TryLater(f"no spool at {spool} (VERSION: {error.strerror}); is the share mounted?") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{spool / 'VERSION'} is damaged: {error}") from error
    return data_parent(environ) / re.sub(r"[^0-9a-zA-Z]", "", uuid)[:8]


def find_spool(
    given: Path | None = None, host_file: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Path:
    """The spool to use: --spool, $DASHTOOLS_SPOOL, the host file's, the checkout's, or the XDG data folder's."""
    if given is not None:
        return given.absolute()
    if environ.get("DASHTOOLS_SPOOL"):
        return Path(environ["DASHTOOLS_SPOOL"]).absolute()
    named = host_file or (Path(environ["DASHTOOLS_CONFIG"]) if environ.get("DASHTOOLS_CONFIG") else None)
    if named is not None:
        text = read_document(named, HOST_SHAPE, must_exist=True).get("host", {}).get("spool")
        if text:
            return Path(text)
    root = checkout()
    return root / "spool" if root else _xdg_data(environ) / "dashtools" / "spool"
