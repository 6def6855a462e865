"""dc-config as a person uses it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def dc_config(tmp_path):
    spool = tmp_path / "spool"
    (spool / "config").mkdir(parents=True)
    (spool / "VERSION").write_text(json.dumps({"layout": 1, "uuid": "feedc0de99"}))

    def run(*arguments, **environ):
        argv = [sys.executable, str(ROOT / "bin" / "dc-config"), arguments[0], "--spool", str(spool), *arguments[1:]]
        environ = {**os.environ, "DASHTOOLS_DATA": str(tmp_path / "data"), **environ}
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environ)

    run.file = spool / "config" / "config.json"
    return run


def test_a_good_configuration_is_checked_in_silence(dc_config):
    done = dc_config("check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_problem_is_listed_and_the_status_is_78(dc_config):
    dc_config.file.write_text('{"globl": {}, "global": {"max_failures": 0, "lease_second": 1}}')
    done = dc_config("check")
    assert done.returncode == 78
    assert len(done.stderr.splitlines()) == 3 and 'did you mean "lease_seconds"?' in done.stderr


def test_a_device_with_an_unknown_profile_is_found_although_it_is_another_host(dc_config):
    dc_config.file.write_text('{"devices": {"far": {"profile": "fats"}}}')
    done = dc_config("check")
    assert done.returncode == 78 and "devices.far" in done.stderr and '"fast"' in done.stderr


def test_an_absent_model_file_is_a_problem_of_this_host(dc_config):
    done = dc_config("check", DASHTOOLS_YOLO_MODEL_PATH="/nowhere/plate.onnx")
    assert done.returncode == 78 and "/nowhere/plate.onnx" in done.stderr


def test_what_was_set_is_what_get_prints_and_explain_names_the_file(dc_config):
    done = dc_config("set", "global.max_failures", "3")
    assert done.stdout.strip() == str(dc_config.file)
    assert dc_config("get", "max_failures").stdout == "3\n"
    assert str(dc_config.file) in dc_config("explain", "max_failures").stdout


def test_a_bad_value_is_refused_and_the_file_stays(dc_config):
    dc_config("set", "global.max_failures", "3")
    done = dc_config("set", "global.max_failures", "none")
    assert done.returncode == 78 and "must be a number" in done.stderr
    assert json.loads(dc_config.file.read_text()) == {"global": {"max_failures": 3}}


def test_a_setting_of_one_device_or_of_this_host_goes_to_its_place(dc_config, tmp_path):
    dc_config("set", "--device", "jetson_1", "processing.sample_fps", "2")
    dc_config("set", "--host", "host.device_id", "jetson_1")
    assert dc_config("get", "sample_fps").stdout == "2\n"
    assert json.loads((tmp_path / "data" / "feedc0de" / "host.json").read_text()) == {"host": {"device_id": "jetson_1"}}


def test_a_negative_number_is_a_value_and_no_option(dc_config):
    dc_config("set", "--device", "j", "processing.gps_offset_ms", "-500")
    assert json.loads(dc_config.file.read_text())["devices"]["j"]["processing"] == {"gps_offset_ms": -500}


def test_an_unknown_key_names_the_nearest(dc_config):
    done = dc_config("get", "max_failure")
    assert done.returncode == 78 and "max_failures" in done.stderr


def test_diff_prints_what_is_not_at_its_default(dc_config):
    assert dc_config("diff").stdout == ""
    dc_config("set", "global.max_failures", "3")
    assert dc_config("diff").stdout == f"global.max_failures: 8 -> 3  (shared {dc_config.file})\n"


def test_diff_with_a_bad_file_is_78(dc_config, tmp_path):
    (tmp_path / "new.json").write_text('{"globl": {}}')
    done = dc_config("diff", str(tmp_path / "new.json"))
    assert (done.returncode, done.stdout) == (78, "") and "globl" in done.stderr


def test_watch_wakes_at_a_change_and_prints_it(dc_config, tmp_path):
    spool = dc_config.file.parent.parent
    argv = [sys.executable, str(ROOT / "bin/dc-config"), "watch", "--once", "--json", "-v", "--spool", str(spool)]
    argv += ["--poll", "600"]
    environ = {**os.environ, "DASHTOOLS_DATA": str(tmp_path / "data")}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ) as watching:
        try:
            assert "watching" in watching.stderr.readline()
            dc_config("set", "global.max_failures", "3")
            told = json.loads(watching.stdout.readline())
            assert watching.wait(60) == 0
        finally:
            watching.kill()
    assert (told["key"], told["before"], told["after"]) == ("global.max_failures", 8, 3)
