"""A frozen TensorFlow graph as an original: any tensor in it can be fetched and fed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from verify.custom.layouts.fingerprint import Fingerprint
from verify.custom.originals.bends import BENDS, unpassed
from verify.custom.originals.graph.float64 import in_float64
from verify.custom.originals.graph.foreign import refuse_foreign, refuse_strings
from verify.custom.originals.graph.frozen import (
    Build,
    FrozenGraph,
    freeze_function,
    freeze_graph,
    freeze_saved_model,
)
from verify.custom.originals.graph.layers import layers_of
from verify.custom.originals.graph.runner import GraphRunner, imported, placeholders
from verify.custom.originals.graph.training import GraphTrainer
from verify.custom.originals.original import Call, Sizes
from verify.custom.originals.probes import probe_weights
from verify.runners.tensorflow import import_tensorflow
from verify.specs.spec import Arrays


class GraphModel:
    """An original of TensorFlow's own, frozen.

    Operations that read variables of one scope are one layer, named by that scope, from the first
    to the last; any other operation is a layer by itself.

    Args:
        frozen: the graph.
        seed: draw weights that suit a comparison; None keeps its own.

    Attributes:
        variables: every weight by name.
        trainable: of those, the ones that training changes through gradients.
        notes: what a reader of the report should know.
        unused: a graph does not say what training alone uses.
        learns_statistics: a function has no training mode.
    """

    learns_statistics = False
    rounded: tuple[str, ...] = ()
    unused: Mapping[str, Sequence[str]] = MappingProxyType({})
    penalised = False

    def __init__(self, frozen: FrozenGraph, *, seed: int | None = None) -> None:
        self._frozen = frozen
        self.variables: Arrays = frozen.values()
        if seed is not None:
            self.variables = probe_weights(self.variables, seed)
        self.trainable = frozen.trainable & self.variables.keys()
        refuse_foreign(frozen.graph_def)
        graph, outputs = imported(frozen.graph_def), list(frozen.outputs.values())
        refuse_strings(graph, outputs)
        self._layers = layers_of(
            graph, frozen.inputs, list(frozen.outputs.values()), frozen.constants
        )
        self.notes: list[str] = []

    def calls(self, inputs: Mapping[str, np.ndarray]) -> list[Call]:
        """See `AnyOriginal`."""
        runner = self.runner("float64", tuple(inputs))
        values = runner.fetch(inputs, runner.all_numbers())
        runner.close()
        calls = []
        kinds = {node.name: node.op.lower() for node in self._frozen.graph_def.node}
        for name, layer in runner.layers.items():
            value = values.get(layer.tensor)
            if value is not None and value.dtype.kind == "f":
                layer.ends = tuple(_last_steps(value, layer.states, values))
                reads = [values[tensor] for tensor in layer.reads if tensor in values]
                prints = tuple(Fingerprint.of(array) for array in reads)
                bends = BENDS.get(kinds.get(layer.tensor.partition(":")[0], ""), ())
                hidden = unpassed(bends, reads[0]) if reads else ()
                calls.append(Call(name, layer.variables, prints, value, layer.inside, hidden))
        ends = self._frozen.outputs.items()
        return [*calls, *(Call(tap, (), (), values[tensor]) for tap, tensor in ends)]

    def sizes(self, inputs: Mapping[str, np.ndarray]) -> Sizes:
        """See `AnyOriginal`."""
        nodes = {node.name: node for node in self._frozen.graph_def.node}
        found: dict[str, tuple[int | None, ...]] = {}
        for name, node in placeholders(tuple(inputs), self._frozen.inputs).items():
            shape = nodes[node].attr["shape"].shape
            if not shape.unknown_rank:
                found[name] = tuple(None if dim.size < 0 else dim.size for dim in shape.dim)
        return found

    def with_weights(self, variables: Mapping[str, np.ndarray]) -> "GraphModel":
        """See `AnyOriginal`."""
        other = copy(self)
        other.variables = dict(variables)
        return other

    def trainer(self, precision: str, loss: Callable[[Any], Any] | None = None) -> GraphTrainer:
        """See `AnyOriginal`; a function has no training mode, and so no loss of the user's."""
        return GraphTrainer(self._graph_def(precision), self._frozen, self.variables)

    def runner(self, precision: str, inputs: Sequence[str]) -> GraphRunner:
        """See `AnyOriginal`."""
        return GraphRunner(self._graph_def(precision), self._frozen, self._layers, inputs)

    def _graph_def(self, precision: str) -> Any:
        """The graph in a precision, with the weights that are compared."""
        tf = import_tensorflow()
        graph_def = tf.compat.v1.GraphDef()
        graph_def.CopyFrom(self._frozen.graph_def)
        constants = {constant: name for name, constant in self._frozen.constants.items()}
        for node in graph_def.node:
            if constants.get(node.name) in self.variables:
                value = self.variables[constants[node.name]]
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        if precision == "float64":
            graph_def, rounded = in_float64(graph_def, constants)
            self.notes = [f"known to float32 only: the constant {name}" for name in rounded]
        return graph_def


def _last_steps(sequence: np.ndarray, states: Sequence[str], values: Arrays) -> Iterator[str]:
    """Those of a loop's last states that are the last step of its sequence, such as `h`."""
    for name in states:
        if sequence.ndim and len(sequence) and np.array_equal(values.get(name, ()), sequence[-1]):
            yield name


def tf_function(function: Any, *, output: str | None = None, seed: int | None = None) -> GraphModel:
    """A `tf.function` with an `input_signature`, or a concrete function, as an original."""
    return GraphModel(freeze_function(function, output), seed=seed)


def saved_model(
    path: str | Path,
    signature: str = "serving_default",
    *,
    output: str | None = None,
    seed: int | None = None,
) -> GraphModel:
    """A signature of a SavedModel as an original; `output` names one of several outputs."""
    return GraphModel(freeze_saved_model(path, signature, output), seed=seed)


def tf1_graph(
    build: Build | str | Path,
    *,
    checkpoint: str | Path | None = None,
    inputs: Sequence[str] = (),
    output: str | Sequence[str] = "",
    seed: int | None = None,
) -> GraphModel:
    """A TensorFlow 1 graph as an original; see `freeze_graph`."""
    frozen = freeze_graph(build, checkpoint=checkpoint, inputs=inputs, output=output)
    return GraphModel(frozen, seed=seed)
