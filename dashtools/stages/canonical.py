"""JSON that is the same bytes for the same content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


def write_json(path: Path, content: Any) -> None:
    """A JSON file with sorted keys and two-space indents; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(content, option=_OPTIONS))


def compact(content: Any) -> str:
    """JSON text on one line, keys sorted, for a column of the index."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return orjson.loads(path.read_bytes())
