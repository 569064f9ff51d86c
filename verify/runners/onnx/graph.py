"""Cutting a part out of an ONNX graph, so that it runs by itself on what it is given."""

from collections.abc import Collection, Sequence

import onnx
from onnx import helper

# In front of the name of what a part is fed, so that a value can be both fed and computed.
GIVEN = "given/"


def cut(
    model: onnx.ModelProto, inputs: Collection[str], outputs: Sequence[str], dtype: int
) -> onnx.ModelProto:
    """The nodes of `model` that lie between `inputs` and `outputs`, as a model.

    Every node that reads a value in `inputs` reads what is fed for it, even where the part
    computes that value too; with all values of interest in both, each is computed alone.

    Args:
        model: the whole.
        inputs: values that may be fed, under their names with `given/` in front.
        outputs: values to compute.
        dtype: the ONNX element type of all of these.
    """
    graph = model.graph
    producers = {name: index for index, node in enumerate(graph.node) for name in node.output}
    wanted, kept = list(outputs), set[int]()
    while wanted:
        index = producers.get(wanted.pop())
        if index is not None and index not in kept:
            kept.add(index)
            wanted += [name for name in graph.node[index].input if name not in inputs]
    nodes, fed = [], dict[str, None]()
    for index in sorted(kept):
        node = onnx.NodeProto()
        node.CopyFrom(graph.node[index])
        for position, name in enumerate(node.input):
            if name in inputs:
                node.input[position] = GIVEN + name
                fed[GIVEN + name] = None
        nodes.append(node)
    read = {name for node in nodes for name in node.input}
    part = helper.make_graph(
        nodes,
        "part",
        [helper.make_tensor_value_info(name, dtype, None) for name in fed],
        [helper.make_tensor_value_info(name, dtype, None) for name in outputs],
        [initializer for initializer in graph.initializer if initializer.name in read],
    )
    return helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)
