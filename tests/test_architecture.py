"""The drawing of the house and its check: which room may import which. Imports point inwards only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "dashtools"

GROUND = {
    "confusables",
    "errors",
    "backoff",
    "model",
    "ports",
    "geometry",
    "geodesy",
    "times",
    "log",
    "files",
    "interrupts",
    "notices",
    "schemas",
}
CONFIG = {"config", "config_files", "config_keys", "config_secrets", "config_store"}
MAY_IMPORT: dict[str, set[str]] = {
    "ground": GROUND,
    "config": GROUND | CONFIG,
    "spool": GROUND | {"spool"},
    "stages": GROUND | {"stages"},
    "backends": GROUND | {"backends"},
    "devices": GROUND | CONFIG | {"spool", "backends", "devices"},
    "worker": GROUND | {"spool", "stages", "worker"},
    "bench": GROUND | {"spool", "worker", "stages", "bench"},
    "index": GROUND | {"spool", "index"},
    "web": GROUND | {"spool", "index", "web"},
    "commands": GROUND
    | CONFIG
    | {"spool", "stages", "backends", "devices", "worker", "index", "web", "bench", "commands"},
}
ROOM_OF_FILE = {**dict.fromkeys(GROUND, "ground"), **dict.fromkeys(CONFIG, "config")}
ROOM_OF_FILE.update({"attempt": "worker", "worker": "worker", "remote": "worker", "__init__": "ground"})
HEAVY = {"cv2", "numpy", "onnxruntime", "av", "datasette", "rapidocr", "ai_edge_litert", "jinja2", "torch"}


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "__pycache__" not in path.parts]


def room_of(parts: tuple[str, ...]) -> str:
    return ROOM_OF_FILE.get(parts[0], parts[0]) if parts else "ground"


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_what_lies_further_in(path):
    own = path.relative_to(PACKAGE).with_suffix("").parts
    room = room_of(own)
    allowed = MAY_IMPORT[room]
    for name, node in imports(ast.parse(path.read_text())):
        parts = tuple(name.split("."))
        if parts[0] != "dashtools" or len(parts) < 2:
            continue
        target = room_of(parts[1:])
        is_allowed = parts[1] in allowed or target in allowed or (parts[1] == "__version__")
        assert is_allowed, f"{path.relative_to(ROOT)}:{node.lineno} {room} imports {name}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "commands").glob("*.py")), ids=lambda path: path.stem)
def test_a_command_imports_nothing_heavy_at_its_top(path):
    for node in ast.parse(path.read_text()).body:
        for name, _ in imports(node) if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
            assert name.split(".")[0] not in HEAVY, f"{path.name}: {name}"


def test_every_command_has_a_launcher_and_setup_cfg_lists_it():
    commands = {p.stem for p in (PACKAGE / "commands").glob("*.py") if not p.stem.startswith("_")}
    launchers = {p.name[3:] for p in (ROOT / "bin").glob("dc-*")} - {"up", "test"}
    listed = {line.strip()[7:] for line in (ROOT / "setup.cfg").read_text().splitlines() if "bin/dc-" in line}
    assert launchers == commands
    assert listed == commands


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_outgrows_one_idea(path):
    assert len(path.read_text().splitlines()) <= 400
