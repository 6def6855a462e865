"""The JSON Schemas that are the contracts between hosts, and what breaks them in a document."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import orjson

from dashtools.errors import BadInput
from dashtools.model import Json

_FOLDER = Path(__file__).parent / "data" / "schemas"  # in a checkout a link to schemas/


def names() -> list[str]:
    """What there are schemas for: config, detections, device, ..."""
    return sorted(path.name.removesuffix(".schema.json") for path in _FOLDER.glob("*.schema.json"))


@functools.cache
def schema(name: str) -> Json:
    """A schema by its name; BadInput when there is none."""
    path = _FOLDER / f"{name}.schema.json"
    if not path.is_file():
        raise BadInput(f"no schema for {name!r}; there are: {', '.join(names())}")
    loaded: Json = orjson.loads(path.read_bytes())
    return loaded


def problems(name: str, document: Any) -> list[str]:
    """What in a document is not as its schema says, a line each with the place; [] when it is valid."""
    import jsonschema  # 50 ms and only wanted by checks, so not at the top

    validator = jsonschema.Draft202012Validator(schema(name))
    found = sorted(validator.iter_errors(document), key=lambda error: (error.json_path, error.message))
    return [f"{error.json_path}: {error.message[:200]}" for error in found]
