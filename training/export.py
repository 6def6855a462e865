"""Writes proposer.onnx and proposer.json from a checkpoint; the graph decodes its own boxes. export_tflite.py is next.

python training/export.py CHECKPOINT.pt dashtools/data --min-score 0.2
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from net import BoxesAbove, PlateNet

OPSET = 17
IN_GRAPH_MIN_SCORE = 0.02


def export(checkpoint: Path, target: Path) -> BoxesAbove:
    """The ONNX file, height and width dynamic; what was exported."""
    net = PlateNet()
    net.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True))
    model = BoxesAbove(net, IN_GRAPH_MIN_SCORE).eval()
    torch.onnx.export(
        model,
        (torch.rand(1, 3, 384, 640),),
        str(target),
        input_names=["image"],
        output_names=["boxes"],
        dynamic_axes={"image": {2: "height", 3: "width"}, "boxes": {0: "count"}},
        opset_version=OPSET,
        dynamo=False,
    )
    return model


def check_same(model: BoxesAbove, onnx_path: Path) -> float:
    """The largest difference between torch and ONNX Runtime over two sizes, in pixels or score."""
    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for height, width in ((384, 640), (736, 1280)):
        picture = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            wanted = model(picture).numpy()
        found = session.run(["boxes"], {"image": picture.numpy()})[0]
        if found.shape != wanted.shape:
            raise SystemExit(f"{onnx_path}: {found.shape} boxes where torch finds {wanted.shape}")
        worst = max(worst, float(np.abs(found - wanted).max(initial=0)))
    return worst


def facts(onnx_path: Path, min_score: float) -> dict[str, object]:
    """What dashtools must know to run the file."""
    return {
        "name": "dashtools-proposer",
        "version": "2",
        "license": "MIT",
        "files": {onnx_path.name: hashlib.sha256(onnx_path.read_bytes()).hexdigest()},
        "opset": OPSET,
        "input": {
            "name": "image",
            "shape": [1, 3, "height", "width"],
            "dtype": "float32",
            "colour": "RGB",
            "scale": "value / 255",
            "multiple_of": 32,
            "default_width": 640,
            "default_height": 384,
            "padding_value": 114,
        },
        "output": {
            "name": "boxes",
            "shape": ["count", 5],
            "dtype": "float32",
            "columns": ["x1", "y1", "x2", "y2", "score"],
            "unit": "pixels of the input",
            "is_before_nms": True,
            "in_graph_min_score": IN_GRAPH_MIN_SCORE,
        },
        "score_meaning": "1 for a sure plate with a tight box; learned as .4 + .6 IoU, not a probability",
        "nms_iou": 0.45,
        "min_score": min_score,
        "min_score_chosen_on": "held-back seconds of plate_train_dashcam at 640x384 (training/report.py)",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--min-score", type=float, default=0.2)
    given = parser.parse_args()
    onnx_path = given.folder / "proposer.onnx"
    model = export(given.checkpoint, onnx_path)
    print(f"largest difference to torch: {check_same(model, onnx_path):.2g}")
    text = json.dumps(facts(onnx_path, given.min_score), indent=2) + "\n"
    (given.folder / "proposer.json").write_text(text)


if __name__ == "__main__":
    main()
