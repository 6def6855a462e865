"""The units are what systemd takes them for: it says nothing about them, and what they name exists."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dashtools.config import load
from dashtools.config_keys import ELIGIBLE
from dashtools.devices.units import ROLES, Host, units
from dashtools.errors import BadInput
from dashtools.spool.queue import Spool

ROOT = Path(__file__).resolve().parent.parent
UNITS = sorted(path for path in (ROOT / "systemd").iterdir() if path.suffix not in (".md", ".yml"))
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


@pytest.fixture(scope="module", params=sorted(ROLES))
def generated(request, tmp_path_factory):
    """The units of a role as dc-config writes them for a host."""
    folder = tmp_path_factory.mktemp("host")
    Spool.create(folder / "spool")
    argv = [sys.executable, str(ROOT / "bin" / "dc-config"), "systemd", request.param, "--out", str(folder / "units")]
    environ = {**os.environ, "DASHTOOLS_DATA": str(folder / "data")}
    done = subprocess.run([*argv, "--spool", str(folder / "spool")], capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr
    return folder, sorted((folder / "units").iterdir())


def test_units_written_for_a_host_are_clean_and_name_its_folders(generated):
    folder, paths = generated
    done = analyze("verify", "--man=no", *map(str, paths))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for path in paths:
        text = path.read_text()
        assert "/srv/dashtools" not in text and "/usr/local/bin" not in text and "/var/lib/dashtools" not in text
        if path.suffix == ".service":
            assert f"DASHTOOLS_SPOOL={folder / 'spool'}" in text and "RequiresMountsFor=" in text
            assert any(str(folder) in words for words in read(path)["Service"]["ReadWritePaths"].split())
        if path.suffix in (".timer", ".path"):
            assert path.with_suffix(".service") in paths


def test_services_written_for_a_host_are_little_exposed(generated):
    for path in (path for path in generated[1] if path.suffix == ".service"):
        done = analyze("security", "--offline=true", "--no-pager", str(path))
        match = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
        assert match and float(match[1]) <= EXPOSURE_MAX, path.name


def test_every_role_is_a_device_type_and_enables_units_that_there_are():
    assert set(ROLES) == set(ELIGIBLE) - {"dashcam"}
    assert {name for names in ROLES.values() for name in names} <= {path.name for path in UNITS}


def test_a_folder_that_a_unit_cannot_name_is_refused(tmp_path):
    Spool.create(tmp_path / "my spool")
    config = load(tmp_path / "my spool", environ={"DASHTOOLS_DATA": str(tmp_path)})
    with pytest.raises(BadInput, match="blanks"):
        units("rtx_4090", config, Host(Path("/usr/bin"), "dash"))
