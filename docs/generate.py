"""Keeps the tables of the README that follow from the code current: `generate.py` writes them, `--check` only looks.

A table stands between <!-- name --> and <!-- /name -->.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def commands() -> Iterator[str]:
    """A row a command: its name and the first sentence of its help."""
    yield "| command | what it does |"
    yield "|---|---|"
    for path in sorted((ROOT / "dashtools" / "commands").glob("[a-z]*.py")):
        command = importlib.import_module(f"dashtools.commands.{path.stem}").command
        text = " ".join((command.help or "").split("\n\n")[0].split())
        yield f"| `dc-{path.stem}` | {text} |"


def statuses() -> Iterator[str]:
    """A row an error class: exit status and what becomes of the task."""
    from dashtools import errors

    words = {
        "flag": "complete, with the error flag: the same bytes would fail again",
        "wait": "stays pending, no failure counted: the world must change first",
        "retry": "stays pending, tried again with backoff; after `max_failures` complete with the error flag",
        "-": "none is concerned",
    }
    yield "| status | error | what becomes of the task |"
    yield "|---|---|---|"
    yield "| 0 | | complete |"
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.DashtoolsError)]
    for cls in sorted(classes, key=lambda c: (c.exit_status, c.__name__)):
        yield f"| {cls.exit_status} | `{cls.__name__}` | {words[cls.becomes]} |"
    yield "| 130, 141, 143 | signals | given back at once, no failure counted |"


def settings() -> Iterator[str]:
    """A row a key of the configuration, with its default."""
    import json

    from dashtools.config_keys import DEFAULT_GLOBAL, DEFAULT_PROCESSING

    yield "| key | default |"
    yield "|---|---|"
    for section, values in (("global", DEFAULT_GLOBAL), ("processing", DEFAULT_PROCESSING)):
        for key, value in values.items():
            yield f"| `{section}.{key}` | `{json.dumps(value)}` |"


def columns() -> Iterator[str]:
    """A row a table of the index."""
    import sqlite3

    connection = sqlite3.connect(":memory:")
    connection.executescript((ROOT / "dashtools" / "index" / "schema.sql").read_text())
    yield "| table | columns |"
    yield "|---|---|"
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    for name in names:
        if "_fts" in name or "trigram" in name or name.startswith("sqlite_"):
            continue
        found = connection.execute("SELECT name FROM pragma_table_info(?)", (name,))
        yield f"| `{name}` | {', '.join(row[0] for row in found)} |"


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "statuses": statuses,
    "settings": settings,
    "columns": columns,
}


def current(text: str) -> str:
    """The same text with every table as the code has it now."""
    for name, rows in TABLES.items():
        block = "\n".join([f"<!-- {name} -->", *rows(), f"<!-- /{name} -->"])
        text = re.sub(rf"<!-- {name} -->.*?<!-- /{name} -->", lambda _, b=block: b, text, flags=re.DOTALL)
    return text


def main() -> int:
    """Status 1 when --check finds a table that is not current."""
    stale = 0
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = path.read_text()
        new = current(text)
        if new != text and "--check" in sys.argv:
            print(f"{path.relative_to(ROOT)} is not current; run docs/generate.py", file=sys.stderr)
            stale = 1
        elif new != text:
            path.write_text(new)
    return stale


if __name__ == "__main__":
    sys.exit(main())
