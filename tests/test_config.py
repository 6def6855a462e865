"""Layers, their order, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dashtools.config import DEFAULT_PROCESSING, load
from dashtools.config_files import find_spool
from dashtools.errors import BadConfig, TryLater

BLUEPRINT = {
    "global": {
        "task_retry_delay_seconds": 300,
        "max_concurrent_tasks_per_device": 1,
        "storage_retention_days": {"raw_videos": 90, "preproc_data": 30, "heavy_output": 7},
    },
    "devices": {
        "jetson_coral_1": {
            "hostname": "jetson-1",
            "task_types": ["PREPROCESS_VIDEO"],
            "capabilities": {"coral_tpu_available": True, "max_memory_gb": 4, "scratch_space_gb": 32},
            "processing": {
                "frame_extraction_resolution": "640x480",
                "motion_threshold": 0.15,
                "min_plate_confidence": 0.6,
            },
        },
        "rtx_4090_1": {
            "hostname": "gpu-worker-1",
            "task_types": ["HEAVY_PROCESS_VIDEO"],
            "capabilities": {"cuda_cores": 16384, "vram_gb": 24, "scratch_space_gb": 500},
            "processing": {
                "yolo_model_path": "/models/yolov8n.onnx",
                "ocr_model_path": "/models/plate.onnx",
                "max_frames_per_batch": 16,
                "gps_alignment_tolerance_ms": 200,
            },
        },
    },
    "storage_paths": {
        "indoor_nas": {
            "base": "//nas-1/videos/",
            "raw": "raw/",
            "preproc": "preproc/",
            "heavy_output": "heavy_output/",
        },
        "shed_nas": {"archive_base": "//shed-nas/archive/"},
    },
}


@pytest.fixture
def host(tmp_path):
    """A spool, and a function that writes its shared file and this host's, and loads."""
    spool = tmp_path / "spool"
    (spool / "config").mkdir(parents=True)
    (spool / "VERSION").write_text(json.dumps({"layout": 1, "uuid": "0123456789abcdef"}))
    environ = {"DASHTOOLS_DATA": str(tmp_path / "kept")}

    def loaded(shared=None, own=None, env=None, flags=None):
        if shared is not None:
            (spool / "config" / "config.json").write_text(json.dumps(shared))
        own_file = tmp_path / "kept" / "01234567" / "host.json"
        if own is not None:
            own_file.parent.mkdir(parents=True, exist_ok=True)
            own_file.write_text(json.dumps(own))
        return load(spool, environ={**environ, **(env or {})}, flags=flags)

    return loaded


def test_without_any_file_one_machine_does_everything(host, tmp_path):
    config = host()
    assert config.task_types == (
        "INGEST_VIDEO",
        "PREPROCESS_VIDEO",
        "HEAVY_PROCESS_VIDEO",
        "ARCHIVE_VIDEO",
        "FINALIZE_VIDEO",
    )
    assert config.processing == DEFAULT_PROCESSING
    assert config.global_settings["max_failures"] == 8
    assert config.storage("shed_nas").root == tmp_path / "kept" / "01234567" / "shed_nas"
    assert config.models_dir == tmp_path / "kept" / "models"


def test_the_blueprints_example_is_a_valid_configuration(host):
    config = host(BLUEPRINT, flags={"host.device_id": "jetson_coral_1"})
    assert config.task_types == ("PREPROCESS_VIDEO",)
    assert config.capabilities["max_memory_gb"] == 4
    assert config.storage("indoor_nas").root is None, "//server/share is not a local path"
    assert config.storage_for("preproc").kinds["preproc"] == "preproc"


LAYERS = [
    ({}, {}, {}, {}, 720, "default"),
    ({"profiles": {"default": {"processing": {"archive_height": 700}}}}, {}, {}, {}, 700, "shared"),
    ({}, {"profiles": {"default": {"processing": {"archive_height": 690}}}}, {}, {}, 690, "host"),
    (
        {"profiles": {"default": {"processing": {"archive_height": 700}}}},
        {"host": {"device_id": "a"}, "devices": {"a": {"processing": {"archive_height": 680}}}},
        {},
        {},
        680,
        "devices.a",
    ),
    ({}, {"host": {"profile": "fast"}}, {}, {}, 540, "built-in profiles.fast"),
    ({}, {"host": {"profile": "fast"}}, {"DASHTOOLS_ARCHIVE_HEIGHT": "480"}, {}, 480, "environment"),
    ({}, {}, {"DASHTOOLS_ARCHIVE_HEIGHT": "480"}, {"processing.archive_height": 360}, 360, "flag"),
]


@pytest.mark.parametrize("shared,own,env,flags,value,layer", LAYERS, ids=[row[5] for row in LAYERS])
def test_a_later_layer_wins_and_explain_names_it(host, shared, own, env, flags, value, layer):
    config = host(shared, own, env, flags)
    assert config.processing["archive_height"] == value
    line = config.explain("archive_height")
    assert line.startswith(f"processing.archive_height = {value}") and layer in line


BAD = [
    ({"globl": {}}, 'globl: unknown key; did you mean "global"?'),
    ({"global": {"max_failure": 3}}, 'global.max_failure: unknown key; did you mean "max_failures"?'),
    ({"global": {"max_failures": 0}}, "global.max_failures: 0 is outside 1 to 1000"),
    ({"global": {"max_failures": True}}, "global.max_failures: must be a number, not a flag"),
    ({"global": {"max_failures": 1.5}}, "must be a whole number"),
    ({"global": {"finalize": "yes"}}, "global.finalize: must be a flag"),
    ({"devices": {"j": {"task_types": ["PREPROCES_VIDEO"]}}}, 'did you mean "PREPROCESS_VIDEO"?'),
    ({"devices": {"j": {"processing": {"motion_threshold": 2}}}}, "devices.j.processing.motion_threshold"),
    ({"devices": {"j": {"processing": {"yolo_model_path": "a.pt"}}}}, "export model=a.pt format=onnx"),
    ({"storage_paths": {"indoor_nas": {"preproc": "../x"}}}, "must be a folder inside the storage"),
    ({"storage_paths": {"indoor_nas": {"preproc": "/x"}}}, "must be a folder inside the storage"),
    ({"global": None}, "global: must be an object, not null"),
    ([], "the document: must be an object"),
]


@pytest.mark.parametrize("shared,text", BAD, ids=[str(row[0])[:50] for row in BAD])
def test_a_bad_shared_file_is_refused_with_its_name_and_key(host, shared, text):
    with pytest.raises(BadConfig) as caught:
        host(shared)
    assert text in str(caught.value) and "config.json" in str(caught.value)


def test_every_problem_is_listed_at_once(host):
    with pytest.raises(BadConfig) as caught:
        host({"globl": {}, "global": {"max_failures": 0}})
    assert len(str(caught.value).splitlines()) == 2


def test_a_bad_environment_value_is_refused_by_its_name(host):
    with pytest.raises(BadConfig, match="environment DASHTOOLS_MAX_FAILURES.*whole number|must be a number"):
        host(env={"DASHTOOLS_MAX_FAILURES": "many"})


def test_an_unknown_profile_names_the_nearest(host):
    with pytest.raises(BadConfig, match='did you mean "high-quality"'):
        host(own={"host": {"profile": "highquality"}})


def test_a_spool_without_version_is_not_mounted(tmp_path):
    with pytest.raises(TryLater, match="mounted"):
        load(tmp_path, environ={})


def test_a_host_file_that_was_named_must_exist(host, tmp_path):
    with pytest.raises(BadConfig, match=r"absent\.json"):
        host(env={"DASHTOOLS_CONFIG": str(tmp_path / "absent.json")})


def test_the_device_type_gives_the_blueprints_matrix(host):
    shared = {"devices": {"j": {"device_type": "jetson_coral"}}}
    assert host(shared, flags={"host.device_id": "j"}).task_types == ("PREPROCESS_VIDEO",)


def test_the_spool_is_found_by_flag_then_environment_then_host_file(tmp_path):
    own = tmp_path / "host.json"
    own.write_text(json.dumps({"host": {"spool": "/srv/spool"}}))
    assert find_spool(Path("/a"), own, {"DASHTOOLS_SPOOL": "/b"}) == Path("/a")
    assert find_spool(None, own, {"DASHTOOLS_SPOOL": "/b"}) == Path("/b")
    assert find_spool(None, own, {}) == Path("/srv/spool")


def test_loading_imports_nothing_heavy():
    code = (
        "import sys, dashtools.config, dashtools.config_store, dashtools.devices.storages;"
        "print([m for m in ('numpy','cv2','av','onnxruntime','datasette','jsonschema') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
