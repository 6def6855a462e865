"""A YOLOv8 segmentation graph in half precision, as a plain detector in single precision.

Run as a script with the `onnx` package importable (it is needed only while a model is installed):
`python onnx_convert.py SOURCE TARGET`. The same source gives the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def single_precision(model: Any, keep_output: str = "output0") -> Any:
    """The model with every float16 made float32 and only one output's nodes left."""
    import numpy as np
    from onnx import AttributeProto, TensorProto, checker, numpy_helper

    half, single = TensorProto.FLOAT16, TensorProto.FLOAT
    graph = model.graph

    def widened(tensor: Any) -> Any:
        return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name)

    for position, tensor in enumerate(graph.initializer):
        if tensor.data_type == half:
            graph.initializer[position].CopyFrom(widened(tensor))
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR and attribute.t.data_type == half:
                attribute.t.CopyFrom(widened(attribute.t))
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == half:
                attribute.i = single
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == half:
            value.type.tensor_type.elem_type = single
    _prune(graph, keep_output)
    del graph.value_info[:]
    checker.check_model(model)
    return model


def _prune(graph: Any, keep_output: str) -> None:
    """Leaves what `keep_output` needs; the order of nodes and weights stays."""
    needed, nodes = {keep_output}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    outputs = [value for value in graph.output if value.name == keep_output]
    kept = [[item.__class__.FromString(item.SerializeToString()) for item in group]
            for group in (nodes[::-1], weights, outputs)]  # fmt: skip
    for field, items in zip((graph.node, graph.initializer, graph.output), kept):
        del field[:]
        field.extend(items)


def main(source: str, target: str) -> None:
    import onnx

    model = single_precision(onnx.load(source))
    Path(target).write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
