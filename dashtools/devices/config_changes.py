"""How one configuration differs from another, key by key, once or as it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashtools.config import Config
from dashtools.config_files import read_document, shared_file
from dashtools.config_keys import DEFAULT_GLOBAL, DEFAULT_PROCESSING, SHARED_SHAPE
from dashtools.config_store import ConfigManager
from dashtools.model import Json
from dashtools.notices import ARRIVED, notices

ABSENT = object()
"""As a value: the key is not there."""


@dataclass(frozen=True)
class Change:
    """A dotted key with its two values; `layer` names what gave the second."""

    key: str
    before: Any
    after: Any
    layer: str | None = None


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs between two flat documents, by key.

    >>> [(c.key, c.after) for c in changes({"a": 1, "b": 2}, {"a": 1, "b": 3})]
    [('b', 3)]
    """
    keys = sorted({*before, *after})
    pairs = [(key, before.get(key, ABSENT), after.get(key, ABSENT)) for key in keys]
    return [Change(key, old, new) for key, old, new in pairs if old != new or type(old) is not type(new)]


def flat(document: Json, prefix: str = "") -> Json:
    """Dotted keys and values of a nested object.

    >>> flat({"a": {"b": 1}, "c": {}})
    {'a.b': 1, 'c': {}}
    """
    found: Json = {}
    for key, value in document.items():
        inner = flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
        found.update(inner)
    return found


def from_defaults(config: Config) -> list[Change]:
    """Each setting of this host that is not at its default, with the layer that gave it."""
    defaults = flat({"global": DEFAULT_GLOBAL, "processing": DEFAULT_PROCESSING})
    own = {key: value for key, value in config.values().items() if key.startswith(("global.", "processing."))}
    found = changes(defaults, own)
    return [Change(c.key, c.before, c.after, config.origins.get(c.key, "default")) for c in found]


def between_files(spool: Path, candidate: Path) -> list[Change]:
    """How a file differs from the spool's shared one; BadConfig when it must not be used."""
    before = read_document(shared_file(spool), SHARED_SHAPE)
    return changes(flat(before), flat(read_document(candidate, SHARED_SHAPE, must_exist=True)))


@dataclass(frozen=True)
class Look:
    """What one look found: values that changed, or why the file as it is now is not used."""

    changes: list[Change] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Watch:
    """The values of a host, looked at again and again; the last good ones stay."""

    def __init__(self, spool: Path, host_file: Path | None, resolve: Callable[[], Config]) -> None:
        self.path = shared_file(spool)
        self._manager = ConfigManager(spool, host_file)
        self._resolve = resolve
        self._known = resolve().values()
        self._told: list[str] = []

    def look(self) -> Look:
        """What changed since the last look; the same problems are told once."""
        found: list[Change] = []

        def take_over() -> None:
            values = self._resolve().values()
            found.extend(changes(self._known, values))
            self._known = values

        self._manager.watch_for_changes(take_over)
        wrong = self._manager.validate_config()
        told, self._told = self._told, wrong
        return Look(found, wrong if wrong != told else [])

    def looks(self, poll_s: float) -> Iterator[Look]:
        """For ever: a look as soon as this host sees the folder change, and every `poll_s` for what other hosts did."""
        with notices([self.path.parent], ARRIVED) as wait:
            while True:
                yield self.look()
                wait(poll_s)
