"""--help and every queue command start without anything heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
HEAVY = ("cv2", "numpy", "onnxruntime", "av", "datasette")
COMMANDS = sorted(p.stem for p in (ROOT / "dashtools" / "commands").glob("*.py") if not p.stem.startswith("_"))
CHECK = """
import sys
sys.argv = ["dc-{name}", *{arguments!r}]
sys.path.insert(0, {root!r})
from dashtools.commands._run import main
try:
    main("{name}")
finally:
    print("HEAVY", [name for name in {heavy!r} if name in sys.modules])
"""


def run(name: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    code = CHECK.format(name=name, arguments=list(arguments), root=str(ROOT), heavy=HEAVY)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, input=stdin, timeout=120)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_imports_nothing_heavy(name):
    done = run(name, "--help")
    assert done.returncode == 0 and "Usage:" in done.stdout
    assert "HEAVY []" in done.stdout


@pytest.mark.parametrize("name", ["ls", "status", "requeue", "reap", "show"])
def test_a_queue_command_imports_nothing_heavy(name, tmp_path):
    from dashtools.spool.queue import Spool

    Spool.create(tmp_path / "spool")
    done = run(name, "--spool", str(tmp_path / "spool"))
    assert done.returncode == 0 and "HEAVY []" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_a_usage_error(name):
    done = run(name, "--no-such-option")
    assert done.returncode == 64 and "no-such-option" in done.stderr.lower()
