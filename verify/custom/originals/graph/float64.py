"""A frozen TensorFlow graph, computed in float64, inside its functions too.

A graph that was traced or saved computes in float32, and its constants are rounded to it. The
weights are taken as they are. Any other constant, such as an epsilon of 0.001, is taken for what
its author wrote: the shortest decimal, the simple fraction or the root that float32 rounds to it.
What TensorFlow has no float64 of is written out, where that is known here.
"""

from collections.abc import Collection
from typing import Any

from port.errors import InputError
from verify.custom.originals.graph.constants import array_as_written
from verify.custom.originals.graph.control_flow import ARRAYS, flows_of
from verify.custom.originals.graph.written_out import Writer, has_float64, is_written_out
from verify.runners.tensorflow import import_tensorflow


def in_float64(graph_def: Any, weights: Collection[str]) -> tuple[Any, list[str]]:
    """The same graph in float64.

    Args:
        graph_def: frozen.
        weights: names of the constants that were variables.

    Returns:
        The graph, and the names of constants that are known to float32 only.

    Raises:
        InputError: an operation has no counterpart in float64 here.
    """
    return _Doubling(graph_def, weights).run()


class _Doubling:
    def __init__(self, graph_def: Any, weights: Collection[str]) -> None:
        self._tf = import_tensorflow()
        self._from, self._weights = graph_def, weights
        self._double = {
            self._tf.float32.as_datatype_enum: self._tf.float64.as_datatype_enum,
            self._tf.complex64.as_datatype_enum: self._tf.complex128.as_datatype_enum,
        }
        self._writer = Writer(self._tf)
        self._rounded: list[str] = []

    def run(self) -> tuple[Any, list[str]]:
        doubled = self._tf.compat.v1.GraphDef()
        doubled.versions.CopyFrom(self._from.versions)
        for node in self._from.node:
            written = self._writer.in_graph(node) if is_written_out(node) else None
            doubled.node.extend(written or [self._doubled(node, self._weights)])
        self._keep_flows(doubled)
        for function in self._from.library.function:
            doubled.library.function.append(self._function(function))
        return doubled, self._rounded

    def _function(self, function: Any) -> Any:
        copy, outputs = type(function)(), dict[str, str]()
        copy.CopyFrom(function)
        del copy.node_def[:]
        for node in function.node_def:
            written = self._writer.in_function(node, outputs) if is_written_out(node) else None
            copy.node_def.extend(written or [self._doubled(node)])
        for node in copy.node_def:
            node.input[:] = [outputs.get(read, read) for read in node.input]
        for name, tensor in function.ret.items():
            copy.ret[name] = outputs.get(tensor, tensor)
        for argument in (*copy.signature.input_arg, *copy.signature.output_arg):
            argument.type = self._double.get(argument.type, argument.type)
        return copy

    def _keep_flows(self, doubled: Any) -> None:
        """What stands for an array of TensorFlow 1 stays float32."""
        nodes = {node.name: node for node in self._from.node}
        reads = {
            name: (node.op, [read.partition(":")[0] for read in node.input if read[0] != "^"])
            for name, node in nodes.items()
        }
        flows = flows_of(reads) - {name for name, node in nodes.items() if node.op in ARRAYS}
        for node in doubled.node:
            if node.name in flows:
                node.CopyFrom(nodes[node.name])

    def _doubled(self, node: Any, weights: Collection[str] = ()) -> Any:
        copy = self._tf.compat.v1.NodeDef()
        copy.CopyFrom(node)
        copy.ClearField("experimental_type")  # says again what attributes say
        for attribute in copy.attr.values():
            if attribute.type in self._double:  # setting it to what it is not would clear the rest
                attribute.type = self._double[attribute.type]
            for place, kind in enumerate(attribute.list.type):
                attribute.list.type[place] = self._double.get(kind, kind)
        if node.op == "Const" and node.attr["dtype"].type in self._double:
            value = self._tf.make_ndarray(node.attr["value"].tensor)
            exact, known = value, True
            if node.name not in weights and value.dtype.kind == "f":
                exact, known = array_as_written(value)
            if not known:
                self._rounded.append(node.name)
            wide = exact.astype("float64" if value.dtype.kind == "f" else "complex128")
            copy.attr["value"].tensor.CopyFrom(self._tf.make_tensor_proto(wide))
        elif not has_float64(copy):
            raise InputError(
                f"{node.name}: {node.op} computes in float32 alone, so there is no float64 truth "
                "to hold the port against; give an original that does it with other operations"
            )
        return copy
