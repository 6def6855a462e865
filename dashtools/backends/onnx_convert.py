"""A YOLOv8 segmentation graph in half precision, as a plain detector in single precision for any input size.

The graph ends where its three heads are put together: what follows fixes the input to 640 x 640 and works out
boxes for every cell, where a caller needs those of a few.

Run as a script with the `onnx` package importable (it is needed only while a model is installed):
`python onnx_convert.py SOURCE TARGET`. The same source gives the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HEADS = "/model.22/Concat_4_output_0"  # (1, 64 + classes, cells): box distributions and class logits


def single_precision(model: Any, heads: str = HEADS) -> Any:
    """The model with every float16 made float32, its heads as the output "heads", any height and width."""
    import numpy as np
    from onnx import AttributeProto, TensorProto, checker, helper, numpy_helper

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
    _free_input(graph.input[0].type.tensor_type, single)
    _cut(graph, heads, helper.make_tensor_value_info("heads", single, [1, None, None]))
    del graph.value_info[:]
    checker.check_model(model)
    return model


def _free_input(tensor: Any, element: int) -> None:
    """Makes an input (1, 3, height, width) of any height and width."""
    tensor.elem_type = element
    for axis, name in ((2, "height"), (3, "width")):
        tensor.shape.dim[axis].Clear()
        tensor.shape.dim[axis].dim_param = name


def _cut(graph: Any, heads: str, output: Any) -> None:
    """Leaves what `heads` needs and makes it the only output; the order of nodes and weights stays."""
    needed, nodes = {heads}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    for node in nodes:
        node.output[:] = ["heads" if name == heads else name for name in node.output]
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    for field, items in zip((graph.node, graph.initializer, graph.output), (nodes[::-1], weights, [output])):
        copies = [type(item).FromString(item.SerializeToString()) for item in items]
        del field[:]
        field.extend(copies)


def main(source: str, target: str) -> None:
    import onnx

    model = single_precision(onnx.load(source))
    Path(target).write_bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
