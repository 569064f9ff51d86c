"""Operators that ONNX Runtime cannot run in float64, in terms of ones that it can.

On a CPU it has no float64 kernel for Conv, AveragePool and Resize. And BatchNormalization keeps
its epsilon as a float32, which is no 1e-5. Each is written out here by the definition in
https://onnx.ai/onnx/operators, for the cases that the exporter produces; any other is left as it
is, for ONNX Runtime to refuse.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

# Appends nodes that compute what `node` computes; False where it cannot.
Rule = Callable[["_Writer", onnx.NodeProto], bool]


def express_in_float64(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, of float64 weights, with every such operator written out."""
    writer = _Writer(model.graph)
    for node in model.graph.node:
        rule = RULES.get(node.op_type)
        if rule is None or not rule(writer, node):
            writer.nodes.append(node)
    graph = helper.make_graph(
        writer.nodes,
        model.graph.name,
        model.graph.input,
        model.graph.output,
        [*model.graph.initializer, *writer.constants],
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


class _Writer:
    """Collects nodes and constants under fresh names, and knows the old graph's values."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._initializers = {item.name: item for item in graph.initializer}
        infos = (*graph.input, *graph.value_info)
        self._shapes = {info.name: info.type.tensor_type.shape for info in infos}

    def array(self, name: str) -> np.ndarray:
        """An initializer's value."""
        return numpy_helper.to_array(self._initializers[name])

    def size(self, name: str) -> tuple[int, int]:
        """The fixed height and width of a value."""
        height, width = self._shapes[name].dim[-2:]
        return height.dim_value, width.dim_value

    def constant(self, value: Any, dtype: Any = np.float64) -> str:
        """The name of a new constant."""
        name = f"float64/constant{len(self.constants)}"
        array = np.ascontiguousarray(np.asarray(value, dtype))
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Append a node; return its output's name."""
        output = output or f"float64/{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def windows(self, node: onnx.NodeProto, kernel: Sequence[int]) -> list[str]:
        """For each position in the kernel, row by row, the input that it meets: strided slices."""
        attributes = _attributes(node)
        pads = attributes.get("pads", [0, 0, 0, 0])
        x = node.input[0]
        if any(pads):
            top, left, bottom, right = pads
            x = self.add("Pad", x, self._integers([0, 0, top, left, 0, 0, bottom, right]))
        axes, steps = self._integers([2, 3]), self._integers(attributes.get("strides", [1, 1]))
        slices = []
        for start in np.ndindex(*kernel):
            # The last window starts `size - kernel` further on; a negative end counts from behind.
            ends = [s - k + 1 or np.iinfo(np.int64).max for s, k in zip(start, kernel, strict=True)]
            slices.append(
                self.add("Slice", x, self._integers(start), self._integers(ends), axes, steps)
            )
        return slices

    def total(self, terms: list[str]) -> str:
        """Their sum."""
        result = terms[0]
        for term in terms[1:]:
            result = self.add("Add", result, term)
        return result

    def _integers(self, values: Sequence[int]) -> str:
        return self.constant(values, np.int64)


def _conv(writer: _Writer, node: onnx.NodeProto) -> bool:
    """Sum over the kernel's positions of that position's matrix times what it meets."""
    attributes, weight = _attributes(node), writer.array(node.input[1])  # [out, in, kh, kw]
    groups = attributes.get("group", 1)
    depthwise = groups == len(weight) and weight.shape[1] == 1 and groups > 1
    dilated = any(step != 1 for step in attributes.get("dilations", []))
    if dilated or "auto_pad" in attributes or not (groups == 1 or depthwise):
        return False
    kernel = weight.shape[2:]
    windows = writer.windows(node, kernel)
    matrices = [weight[:, :, i, j] for i, j in np.ndindex(*kernel)]  # [out, in] each
    bias = writer.array(node.input[2]) if len(node.input) > 2 else np.zeros(len(weight))
    if depthwise:
        terms = [
            writer.add("Mul", x, writer.constant(matrix[:, :, None]))
            for x, matrix in zip(windows, matrices, strict=True)
        ]
        total, shift = writer.total(terms), writer.constant(bias[:, None, None])
        writer.add("Add", total, shift, output=node.output[0])
        return True
    flat, batch = writer.constant([0, 0, -1], np.int64), writer.add("Shape", windows[0], end=1)
    size = writer.add("Shape", windows[0], start=2)
    terms = [
        writer.add("MatMul", writer.constant(matrix), writer.add("Reshape", x, flat))
        for x, matrix in zip(windows, matrices, strict=True)
    ]
    total = writer.add("Add", writer.total(terms), writer.constant(bias[:, None]))
    width = writer.constant([len(weight)], np.int64)
    shape = writer.add("Concat", batch, width, size, axis=0)
    writer.add("Reshape", total, shape, output=node.output[0])
    return True


def _average_pool(writer: _Writer, node: onnx.NodeProto) -> bool:
    """Sum over the window, by the number of its elements."""
    attributes = _attributes(node)
    uncounted = any(attributes.get("pads", [])) and not attributes.get("count_include_pad", 0)
    if uncounted or attributes.get("ceil_mode", 0) or "auto_pad" in attributes:
        return False
    kernel = attributes["kernel_shape"]
    total = writer.total(writer.windows(node, kernel))
    writer.add("Div", total, writer.constant(float(np.prod(kernel))), output=node.output[0])
    return True


def _batch_norm(writer: _Writer, node: onnx.NodeProto) -> bool:
    """Scale and shift, with the decimal epsilon that the float32 attribute stands for."""
    epsilon = float(str(np.float32(_attributes(node).get("epsilon", 1e-5))))
    gamma, beta, mean, variance = (writer.array(name)[:, None, None] for name in node.input[1:])
    centred = writer.add("Sub", node.input[0], writer.constant(mean))
    scaled = writer.add("Mul", centred, writer.constant(gamma / np.sqrt(variance + epsilon)))
    writer.add("Add", scaled, writer.constant(beta), output=node.output[0])
    return True


def _resize(writer: _Writer, node: onnx.NodeProto) -> bool:
    """Bilinear resizing, as a matrix along each axis."""
    attributes = _attributes(node)
    rule = attributes.get("coordinate_transformation_mode", b"half_pixel")
    if attributes.get("mode") != b"linear" or rule not in (b"half_pixel", b"pytorch_half_pixel"):
        return False
    (height, width), size = writer.size(node.input[0]), writer.size(node.output[0])
    rows, columns = _interpolation(height, size[0]), _interpolation(width, size[1])
    tall = writer.add("MatMul", writer.constant(rows), node.input[0])
    writer.add("MatMul", tall, writer.constant(columns.T), output=node.output[0])
    return True


def _interpolation(size: int, new_size: int) -> np.ndarray:
    """`[new_size, size]`: linear interpolation between the centres of pixels."""
    centres = np.clip((np.arange(new_size) + 0.5) * size / new_size - 0.5, 0, size - 1)
    return np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(size)))


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {
        a.name: helper.get_attribute_value(a)
        for a in node.attribute
        if (a.name, a.s) != ("auto_pad", b"NOTSET")
    }


RULES: dict[str, Rule] = {
    "Conv": _conv,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Resize": _resize,
}
