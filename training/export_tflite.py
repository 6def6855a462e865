"""Writes proposer-int8.tflite, and its digest into proposer.json beside it, from
folded weights: whole integers inside and out, only operators that an Edge TPU runs.

python training/export_tflite.py RUN/proposer.npz SHARED_DATA dashtools/data/proposer-int8.tflite

Two outputs at stride 8: score logits (1, h/8, w/8, 1) and box logits (1, h/8, w/8, 4); the exponential and the boxes
are left to dashtools.backends.tflite, because int8 cannot hold pixels and scores in one tensor.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scenes import load, split

HEIGHT, WIDTH = 384, 640
SAMPLES = 120
EDGE_TPU_OPERATORS = {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "PAD", "RESIZE_NEAREST_NEIGHBOR", "RELU", "QUANTIZE"}
"""Those of this network that Google's list for the Edge TPU compiler names (coral.ai/docs/edgetpu/models-intro)."""
BLOCKS = {
    "stage4": [("c", 2), ("c", 2), ("b", 1)],
    "stage8": [("b", 2), ("b", 1), ("b", 1)],
    "stage16": [("b", 2), ("b", 1), ("b", 1), ("b", 1)],
    "stage32": [("b", 2), ("b", 1), ("b", 1)],
    "head": [("c", 1)] * 4,
}
"""Of net.PlateNet: conv-relu or inverted residual, with its stride."""


class Builder:
    """Lays the layers of net.PlateNet in channels-last order."""

    def __init__(self, weights: dict[str, NDArray[np.float32]]) -> None:
        self.weights = weights

    def conv(self, x: tf.Tensor, name: str, stride: int = 1, *, relu: bool) -> tf.Tensor:
        """A convolution padded as PyTorch does, by half its kernel on every side."""
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        kernel = weight.shape[2]
        if stride > 1:
            x = tf.keras.layers.ZeroPadding2D(kernel // 2)(x)
        options = {
            "strides": stride,
            "padding": "valid" if stride > 1 else "same",
            "activation": "relu" if relu else None,
        }
        if weight.shape[1] == 1 and weight.shape[0] == x.shape[-1]:
            layer = tf.keras.layers.DepthwiseConv2D(kernel, **options)
            ordered = weight.transpose(2, 3, 0, 1)
        else:
            layer = tf.keras.layers.Conv2D(weight.shape[0], kernel, **options)
            ordered = weight.transpose(2, 3, 1, 0)
        y = layer(x)
        layer.set_weights([ordered, bias])
        return y

    def block(self, x: tf.Tensor, name: str, stride: int) -> tf.Tensor:
        """net.InvertedResidual."""
        y = self.conv(x, f"{name}.body.0.0", relu=True)
        y = self.conv(y, f"{name}.body.1.0", stride, relu=True)
        y = self.conv(y, f"{name}.body.2.0", relu=False)
        return tf.keras.layers.Add()([x, y]) if stride == 1 and x.shape[-1] == y.shape[-1] else y

    def stage(self, x: tf.Tensor, name: str) -> tf.Tensor:
        for number, (kind, stride) in enumerate(BLOCKS[name]):
            at = f"{name}.{number}"
            x = self.conv(x, f"{at}.0", stride, relu=True) if kind == "c" else self.block(x, at, stride)
        return x

    def model(self) -> tf.keras.Model:
        """Pictures RGB/255 to score and box logits."""
        image = tf.keras.Input((HEIGHT, WIDTH, 3), batch_size=1)
        at8 = self.stage(self.stage(image, "stage4"), "stage8")
        at16 = self.stage(at8, "stage16")
        at32 = self.conv(self.stage(at16, "stage32"), "lateral32", relu=False)
        merged = self._merge(at32, at16, "lateral16", "merge16")
        merged = self._merge(merged, at8, "lateral8", "merge8")
        felt = self.stage(merged, "head")
        return tf.keras.Model(image, [self.conv(felt, "score", relu=False), self.conv(felt, "box", relu=False)])

    def _merge(self, deep: tf.Tensor, shallow: tf.Tensor, lateral: str, merge: str) -> tf.Tensor:
        size = shallow.shape[1:3]
        up = tf.keras.layers.Lambda(lambda x: tf.compat.v1.image.resize_nearest_neighbor(x, size))(deep)
        return self.block(tf.keras.layers.Add()([self.conv(shallow, lateral, relu=False), up]), merge, 1)


def samples(shared: Path) -> Iterator[list[NDArray[np.float32]]]:
    """Training frames, letterboxed, to learn the ranges of the tensors from; darker and brighter ones too."""
    rng = random.Random(1)
    names = split(shared)[0]
    for scene in load(shared, rng.sample(names, min(SAMPLES, len(names)))):
        scale = min(WIDTH / scene.bgr.shape[1], HEIGHT / scene.bgr.shape[0])
        small = cv2.resize(scene.bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        canvas = np.full((HEIGHT, WIDTH, 3), 114, np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small
        yield [np.clip(canvas[None, ..., ::-1].astype(np.float32) / 255 * rng.uniform(0.6, 1.4), 0, 1)]


def quantised(model: tf.keras.Model, shared: Path) -> bytes:
    """The .tflite, int8 in and out."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: samples(shared)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def operators(content: bytes) -> Counter[str]:
    """How often each operator occurs."""
    details = tf.lite.Interpreter(model_content=content)._get_ops_details()
    return Counter(one["op_name"] for one in details if one["op_name"] != "DELEGATE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("npz", type=Path)
    parser.add_argument("shared", type=Path)
    parser.add_argument("tflite", type=Path)
    given = parser.parse_args()
    content = quantised(Builder(dict(np.load(given.npz))).model(), given.shared)
    found = operators(content)
    print(dict(found))
    strangers = set(found) - EDGE_TPU_OPERATORS
    if strangers:
        raise SystemExit(f"an Edge TPU does not run {sorted(strangers)}")
    given.tflite.write_bytes(content)
    card_path = given.tflite.with_name("proposer.json")
    card = json.loads(card_path.read_text())
    card["files"][given.tflite.name] = hashlib.sha256(content).hexdigest()
    card_path.write_text(json.dumps(card, indent=2) + "\n")
    print(f"{given.tflite}: {len(content)} bytes")


if __name__ == "__main__":
    main()
