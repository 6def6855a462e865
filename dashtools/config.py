"""What this host should do and where its storages are: defaults, shared, host and named file, environment, flags.

Later wins. Nothing is read at import; a Config never changes, so workers load a new one between tasks.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from dashtools.config_files import find_spool, merged, read_document, shared_file, state_dir_of
from dashtools.config_keys import (
    DEFAULT_GLOBAL,
    DEFAULT_PROCESSING,
    DEFAULT_PROFILES,
    DEFAULT_STORAGE_PATHS,
    ELIGIBLE,
    GLOBAL_SHAPE,
    HOST_SHAPE,
    PROCESSING_SHAPE,
    SHARED_SHAPE,
    STAGE_TYPES,
    nearest,
    problems,
)
from dashtools.errors import BadConfig
from dashtools.geodesy import Circle
from dashtools.model import Json

__all__ = ["DEFAULT_PROCESSING", "Config", "Storage", "find_spool", "load", "shared_file", "state_dir_of"]

KIND_STORAGE: Mapping[str, str] = {
    "ingest": "indoor_nas",
    "preproc": "indoor_nas",
    "heavy_output": "indoor_nas",
    "archive": "shed_nas",
    "final": "shed_nas",
    "exec": "indoor_nas",
}


@dataclass(frozen=True)
class Storage:
    """A named tree of files; `root` is None where this host does not map it."""

    name: str
    root: Path | None
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Folder, relative to the root, of each kind of output."""
    is_read_only: bool = False


@dataclass(frozen=True)
class Config:
    """The settings of one host for one spool, resolved."""

    spool: Path
    state_dir: Path
    host_file: Path
    models_dir: Path
    device_id: str
    profile: str
    global_settings: Json
    device: Json
    task_types: tuple[str, ...]
    processing: Json
    capabilities: Json
    storages: Mapping[str, Storage]
    notifications: Json
    """Where this host's own file sends alerts to; never from the environment, a flag or the shared file."""
    origins: Mapping[str, str]
    """Which layer gave each dotted key."""

    def storage(self, name: str) -> Storage:
        """The storage of that name; one that nobody configured has no root."""
        return self.storages.get(name, Storage(name, None))

    def home_zones(self) -> tuple[Circle, ...]:
        """Where nothing is to be stored; BadConfig when a zone has no place."""
        found = []
        for name, zone in sorted(self.global_settings["privacy"]["home_zones"].items()):
            missing = [key for key in ("latitude", "longitude", "radius_m") if key not in zone]
            if missing:
                raise BadConfig(f"global.privacy.home_zones.{name}: needs {' and '.join(missing)}")
            found.append(Circle(zone["latitude"], zone["longitude"], zone["radius_m"]))
        return tuple(found)

    def storage_for(self, kind: str) -> Storage:
        """The storage that outputs of a kind (preproc, archive, ...) go to."""
        try:
            return self.storage(KIND_STORAGE[kind])
        except KeyError:
            raise BadConfig(f"no storage is named for {kind!r}{nearest(kind, list(KIND_STORAGE))}") from None

    def values(self) -> Json:
        """Every dotted key with its value."""
        own = {"device_id": self.device_id, "profile": self.profile, "task_types": list(self.task_types)}
        places = {"spool": str(self.spool), "state_dir": str(self.state_dir), "models_dir": str(self.models_dir)}
        tree = {"global": self.global_settings, "processing": self.processing, "host": {**own, **places}}
        roots = {name: None if s.root is None else str(s.root) for name, s in sorted(self.storages.items())}
        return {**dict(_leaves(tree)), **{f"host.storages.{name}": root for name, root in roots.items()}}

    def full_key(self, key: str) -> str:
        """The dotted key that a bare name means; BadConfig names the nearest when there is none."""
        values = self.values()
        named = [key] if key in values else sorted(name for name in values if name.endswith("." + key))
        if not named:
            raise BadConfig(f"{key}: unknown key{nearest(key, list(values))}")
        return named[0]

    def explain(self, key: str) -> str:
        """One line: the key, its value, and the layer that gave it."""
        name = self.full_key(key)
        return f"{name} = {orjson.dumps(self.values()[name]).decode()}  ({self.origins.get(name, 'default')})"


def load(
    spool: Path,
    host_file: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    flags: Mapping[str, Any] | None = None,
) -> Config:
    """The configuration of this host; BadConfig lists everything that is wrong, TryLater when the spool is away.

    Three files are laid over the defaults: the spool's shared one, the one in which this host keeps the folders
    that it was given (Config.host_file), and the one that was named. `flags` holds dotted keys:
    {"processing.archive_height": 540, "host.device_id": "jetson_1"}.
    """
    if host_file is None and environ.get("DASHTOOLS_CONFIG"):
        host_file = Path(environ["DASHTOOLS_CONFIG"])
    named = {} if host_file is None else read_document(host_file, HOST_SHAPE, must_exist=True)
    given = named.get("host", {}).get("state_dir")
    state_dir = Path(given) if given else state_dir_of(spool, environ)
    own_file = state_dir / "host.json"
    layers = [
        (f"shared {shared_file(spool)}", read_document(shared_file(spool), SHARED_SHAPE)),
        (f"host {own_file}", read_document(own_file, HOST_SHAPE)),
        (f"file {host_file}", named),
    ]
    overrides = [*_environment(environ), *_flags(flags or {})]
    config = _resolve(spool, state_dir, own_file, layers, overrides, environ)
    config.home_zones()  # a zone that cannot be kept must stop everything that would store something in it
    return config


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a nested object."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _nested(dotted: str, value: Any) -> Json:
    """{"a.b": 1} as {"a": {"b": 1}}."""
    head, _, rest = dotted.partition(".")
    return {head: _nested(rest, value) if rest else value}


Override = tuple[str, str, Any]  # layer, dotted key, value


def _environment(environ: Mapping[str, str]) -> list[Override]:
    """DASHTOOLS_<KEY> for each key of global and processing, and for the host's own names."""
    found: list[Override] = []
    own = {"DASHTOOLS_DEVICE": "host.device_id", "DASHTOOLS_PROFILE": "host.profile"}
    own["DASHTOOLS_MODELS"] = "host.models_dir"
    found += [(f"environment {name}", key, environ[name]) for name, key in own.items() if environ.get(name)]
    for section, shape in (("global", GLOBAL_SHAPE), ("processing", PROCESSING_SHAPE)):
        for key in shape:
            name = f"DASHTOOLS_{key.upper()}"
            if name in environ:
                found.append((f"environment {name}", f"{section}.{key}", _parsed(environ[name])))
    return found


def _parsed(text: str) -> Any:
    """JSON where it is JSON, the text itself otherwise."""
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def _flags(flags: Mapping[str, Any]) -> list[Override]:
    return [("flag", key, value) for key, value in flags.items() if value is not None]


_OVERRIDE_SHAPE: Json = {"global": GLOBAL_SHAPE, "processing": PROCESSING_SHAPE, "host": HOST_SHAPE["host"]}


@dataclass
class _Stack:
    """A section as its layers pile up, with the name of the layer that gave each leaf."""

    prefix: str
    tree: Json
    origins: dict[str, str] = field(default_factory=dict)

    def lay(self, layer: str, tree: Json) -> None:
        self.tree = merged(self.tree, tree)
        for key, _ in _leaves(tree, self.prefix + "."):
            self.origins[key] = layer


def _resolve(
    spool: Path,
    state_dir: Path,
    host_file: Path,
    layers: list[tuple[str, Json]],
    overrides: list[Override],
    environ: Mapping[str, str],
) -> Config:
    """All layers laid over each other, in the order of the module's first line."""
    wrong = [f"{layer}: {line}" for layer, key, v in overrides for line in problems(_nested(key, v), _OVERRIDE_SHAPE)]
    if wrong:
        raise BadConfig("\n".join(wrong))
    document = merged({"profiles": DEFAULT_PROFILES, "storage_paths": DEFAULT_STORAGE_PATHS}, {})
    for _, layer in layers:
        document = merged(document, layer)
    host = _Stack("host", {"device_id": _own_device_id(document.get("devices", {}))})
    settings = _Stack("global", DEFAULT_GLOBAL)
    for name, layer in layers:
        host.lay(name, layer.get("host", {}))
        settings.lay(name, layer.get("global", {}))
    _lay_overrides(host, overrides)
    _lay_overrides(settings, overrides)
    device_id = str(host.tree["device_id"])
    device = document.get("devices", {}).get(device_id, {})
    profile = str(host.tree.get("profile") or device.get("profile") or "default")
    processing = _processing(profile, device_id, layers, document["profiles"])
    _lay_overrides(processing, overrides)
    models_dir = host.tree.get("models_dir") or state_dir.parent / "models"
    return Config(
        spool=spool,
        state_dir=state_dir,
        host_file=host_file,
        models_dir=Path(models_dir),
        device_id=device_id,
        profile=profile,
        global_settings=settings.tree,
        device=device,
        task_types=_task_types(device, document["profiles"][profile]),
        processing=processing.tree,
        capabilities=dict(device.get("capabilities", {})),
        storages=_storages(document["storage_paths"], host.tree.get("storages", {}), state_dir),
        notifications=_files_own(layers).get("notifications", {}),
        origins={**settings.origins, **processing.origins, **host.origins},
    )


def _files_own(layers: list[tuple[str, Json]]) -> Json:
    """The `host` section as files alone give it."""
    own: Json = {}
    for _, layer in layers:
        own = merged(own, layer.get("host", {}))
    return own


def _lay_overrides(stack: _Stack, overrides: list[Override]) -> None:
    for layer, key, value in overrides:
        section, _, rest = key.partition(".")
        if section == stack.prefix:
            stack.lay(layer, _nested(rest, value))


def _own_device_id(devices: Json) -> str:
    """The id of the configured device with this host's name; else the host's name itself."""
    hostname = socket.gethostname().split(".")[0].lower()
    for device_id, device in sorted(devices.items()):
        if str(device.get("hostname", "")).split(".")[0].lower() == hostname:
            return str(device_id)
    return re.sub(r"[^a-z0-9_-]", "-", hostname).strip("-") or "localhost"


def _processing(profile: str, device_id: str, layers: list[tuple[str, Json]], profiles: Json) -> _Stack:
    """Defaults, then the profile, then the device's own, each from the shared file before the host's."""
    if profile not in profiles:
        raise BadConfig(f"profile: unknown {profile!r}{nearest(profile, list(profiles))}")
    stack = _Stack("processing", DEFAULT_PROCESSING)
    built_in = DEFAULT_PROFILES.get(profile, {})
    stack.lay(f"built-in profiles.{profile}", built_in.get("processing", {}))
    for section, name in (("profiles", profile), ("devices", device_id)):
        for layer_name, layer in layers:
            own = layer.get(section, {}).get(name, {})
            stack.lay(f"{layer_name} {section}.{name}", own.get("processing", {}))
    return stack


def _task_types(device: Json, profile: Json) -> tuple[str, ...]:
    """What the device may do: its own list, its type's row of the blueprint's matrix, its profile's, or all."""
    if "task_types" in device:
        return tuple(device["task_types"])
    if "device_type" in device:
        return ELIGIBLE[device["device_type"]]
    return tuple(profile.get("task_types", STAGE_TYPES))


def _storages(storage_paths: Json, mapped: Json, state_dir: Path) -> dict[str, Storage]:
    """Every storage that the shared file or this host names.

    A root is what the host maps; else a `base` that is a path on every host (not //server/share); else, for
    the two that stages write, a folder beside the index (a PC that does everything).
    """
    found: dict[str, Storage] = {}
    for name in sorted({*storage_paths, *mapped}):
        paths = storage_paths.get(name, {})
        entry = mapped.get(name)
        entry = {"path": entry} if isinstance(entry, str) else entry
        base = paths.get("base") or paths.get("archive_base")
        root: Path | None = None
        if entry:
            root = Path(entry["path"])
        elif base and base.startswith("/") and not base.startswith("//"):
            root = Path(base)
        elif not base and name in DEFAULT_STORAGE_PATHS:
            root = state_dir / name
        kinds = {kind: str(path).strip("/") for kind, path in paths.items() if kind not in ("base", "archive_base")}
        found[name] = Storage(name, root, kinds, bool(entry and entry.get("read_only", False)))
    return found
