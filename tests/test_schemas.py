"""The schemas say what the code says."""

import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from dashtools import schemas
from dashtools.config_keys import HOST_SHAPE, problems
from dashtools.errors import BadInput
from dashtools.model import FileRef, Task, Track

ROOT = Path(__file__).resolve().parent.parent


def as_schema(shape):
    """The JSON Schema that says the same as a shape of config_keys."""
    if isinstance(shape, dict):
        named = {key: as_schema(inner) for key, inner in shape.items() if key != "*"}
        out = {"type": "object", "properties": named} if named else {"type": "object"}
        return {**out, "additionalProperties": as_schema(shape["*"]) if "*" in shape else False}
    if shape.type == "storage":
        path = {"type": "string", "pattern": "^/"}
        entry = {"type": "object", "required": ["path"], "additionalProperties": False}
        return {"anyOf": [path, {**entry, "properties": {"path": path, "read_only": {"type": "boolean"}}}]}
    if shape.type == "texts":
        return {"type": "array", "items": {"enum": list(shape.choices)}}
    kind = {"text": "string", "flag": "boolean"}.get(shape.type, shape.type)
    out = {"type": [kind, "null"] if shape.nullable else kind}
    out.update({"minimum": shape.low, "maximum": shape.high} if kind in ("number", "integer") else {})
    out.update({"enum": list(shape.choices)} if shape.choices else {})
    out.update({"pattern": f"^(?:{shape.pattern})$"} if shape.pattern else {})
    out.update({"minLength": 1} if kind == "string" else {})
    return out


@pytest.mark.parametrize("name", schemas.names())
def test_each_schema_is_one_and_carries_its_version(name):
    jsonschema.Draft202012Validator.check_schema(schemas.schema(name))
    assert schemas.schema(name)["$id"] == f"urn:dashtools:schema:{name}:1"


def test_the_packaged_schemas_are_the_top_level_ones():
    assert {p.name for p in (ROOT / "schemas").glob("*.json")} == {f"{name}.schema.json" for name in schemas.names()}
    assert (ROOT / "dashtools" / "data" / "schemas").resolve() == ROOT / "schemas"


def test_the_configuration_schema_says_what_the_checks_say():
    expected = as_schema(HOST_SHAPE)
    found = {key: schemas.schema("config")[key] for key in expected}
    assert found == expected, "schemas/config.schema.json and dashtools/config_keys.py differ; run this file"


@pytest.mark.parametrize(
    "document",
    [
        {"globl": {}},
        {"global": {"max_failures": 0}},
        {"devices": {"a": {"task_types": ["INGEST"]}}},
        {"devices": {"a": {"processing": {"yolo_model_path": "x.pt"}}}},
        {"host": {"storages": {"x": "relative"}}},
    ],
    ids=str,
)
def test_what_the_checks_refuse_the_schema_refuses(document):
    assert problems(document, HOST_SHAPE) and schemas.problems("config", document)


def test_a_task_of_the_model_is_a_task_of_the_schema():
    ref = FileRef("indoor_nas", "a/b.json", "preproc", sha256="0" * 64, size_bytes=2)
    task = Task("abc", "INGEST_VIDEO", "v", created_at="2024-01-15T14:25:00Z", inputs=(ref,))
    assert schemas.problems("task", task.to_json()) == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", "a/..", ""])
def test_a_path_that_leaves_its_storage_is_no_path_of_a_task(path):
    task = Task("abc", "INGEST_VIDEO", "v", inputs=(FileRef("nas", path, "video"),))
    assert schemas.problems("task", task.to_json())


def test_a_problem_names_its_place():
    (line,) = schemas.problems("track", {**Track("none").to_json(), "reader": 1})
    assert line.startswith("$.reader: ")


def test_an_unknown_schema_is_told_with_the_known_ones():
    with pytest.raises(BadInput, match="detections"):
        schemas.schema("detection")


@pytest.mark.slow
def test_a_wheel_carries_the_schemas(tmp_path):
    pytest.importorskip("pip")
    source = tmp_path / "source"
    for name in ("dashtools", "schemas", "bin"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (p for p in ROOT.iterdir() if p.is_file()):
        shutil.copy(path, source)
    argv = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", str(tmp_path)]
    done = subprocess.run([*argv, str(source)], capture_output=True, text=True, cwd=tmp_path)
    if done.returncode != 0 and "bdist_wheel" in done.stderr:
        pytest.skip("no wheel builder in this environment")
    assert done.returncode == 0, done.stderr
    import zipfile

    (wheel,) = tmp_path.glob("*.whl")
    inside = [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("dashtools/data/schemas/")]
    assert len(inside) == len(schemas.names())


if __name__ == "__main__":  # writes the configuration schema anew after a change of config_keys.py
    import json

    path = ROOT / "schemas" / "config.schema.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **as_schema(HOST_SHAPE)}, indent=2) + "\n")
