"""The units are what systemd takes them for: it says nothing about them, and what they name exists."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
UNITS = sorted(path for path in (ROOT / "systemd").iterdir() if path.suffix != ".md")
SERVICES = [path for path in UNITS if path.suffix == ".service"]
EXPOSURE_MAX = 3.0


def read(path: Path) -> configparser.RawConfigParser:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read(path)
    return unit


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The units with their commands in a place where they can be found."""
    folder = tmp_path_factory.mktemp("units")
    (folder / "bin").mkdir()
    for path in UNITS:
        text = path.read_text()
        for name in re.findall(r"/usr/local/bin/(\S+)", text):
            shutil.copy(ROOT / "bin" / name, folder / "bin" / name)
        (folder / path.name).write_text(text.replace("/usr/local/bin", str(folder / "bin")))
    return folder


def analyze(*arguments):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze on this machine")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("unit", [path.name for path in UNITS])
def test_systemd_has_nothing_to_say_about_a_unit(installed, unit):
    done = analyze("verify", "--man=no", str(installed / unit))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", [path.name for path in SERVICES])
def test_a_service_is_little_exposed(installed, unit):
    done = analyze("security", "--offline=true", "--no-pager", str(installed / unit))
    match = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert match, done.stdout + done.stderr
    assert float(match[1]) <= EXPOSURE_MAX


@pytest.mark.parametrize("path", [p for p in UNITS if p.suffix in (".timer", ".path")], ids=lambda p: p.name)
def test_a_timer_or_path_has_its_service(path):
    assert path.with_suffix(".service") in SERVICES


@pytest.mark.parametrize("path", SERVICES, ids=lambda p: p.name)
def test_a_service_runs_a_command_of_the_house_with_options_that_it_has(path):
    program, *arguments = read(path)["Service"]["ExecStart"].split()
    launcher = ROOT / "bin" / Path(program).name
    words = [word for word in arguments if not word.startswith("-")]
    done = subprocess.run([sys.executable, str(launcher), *words, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(option in done.stdout for option in arguments if option.startswith("-"))


@pytest.mark.parametrize("path", SERVICES, ids=lambda p: p.name)
def test_exit_statuses_mean_the_same_to_systemd(path):
    service = read(path)["Service"]
    assert "TEMPFAIL" in service["SuccessExitStatus"].split()
    assert service["RestartPreventExitStatus"].split() == ["USAGE", "CONFIG"]
    assert (service.get("Restart") == "always") == (service["Type"] == "simple")
