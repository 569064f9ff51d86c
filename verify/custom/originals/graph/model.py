"""A frozen TensorFlow graph as an original: any tensor in it can be fetched and fed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from port.errors import InputError
from verify.custom.layouts.fingerprint import Fingerprint
from verify.custom.originals.graph.float64 import in_float64
from verify.custom.originals.graph.frozen import (
    Build,
    FrozenGraph,
    freeze_function,
    freeze_graph,
    freeze_saved_model,
)
from verify.custom.originals.graph.layers import GraphLayer, layers_of
from verify.custom.originals.original import OUTPUT, Call
from verify.custom.originals.probes import probe_weights
from verify.runners.tensorflow import import_tensorflow
from verify.specs.spec import Arrays, Stage
from verify.specs.training_spec import TrainingRunner


class GraphModel:
    """An original of TensorFlow's own, frozen.

    Operations that read variables of one scope are one layer, named by that scope, from the first
    to the last; any other operation is a layer by itself.

    Args:
        frozen: the graph.
        seed: draw weights that suit a comparison; None keeps its own.

    Attributes:
        variables: every weight by name.
        trainable: none; a frozen graph cannot be trained.
        notes: what a reader of the report should know.
    """

    trainable: frozenset[str] = frozenset()

    def __init__(self, frozen: FrozenGraph, *, seed: int | None = None) -> None:
        self._frozen = frozen
        self.variables: Arrays = frozen.values()
        if seed is not None:
            self.variables = probe_weights(self.variables, seed)
        self._layers = layers_of(frozen)
        self.notes: list[str] = []

    def calls(self, inputs: Mapping[str, np.ndarray]) -> list[Call]:
        """See `AnyOriginal`."""
        runner = self.runner("float64", tuple(inputs))
        read = {name for layer in self._layers.values() for name in layer.reads}
        names = [*self._layers, OUTPUT]
        values = runner.fetch(inputs, read | {runner.tensor(name) for name in names})
        runner.close()
        calls = []
        for name, layer in self._layers.items():
            value = values[runner.tensor(name)]
            if value.dtype.kind == "f":
                reads = [values[tensor] for tensor in layer.reads]
                prints = tuple(Fingerprint.of(array) for array in reads if array.dtype.kind == "f")
                calls.append(Call(name, layer.variables, prints, value))
        return [*calls, Call(OUTPUT, (), (), values[self._frozen.output])]

    def trainer(self, precision: str) -> TrainingRunner:
        """See `AnyOriginal`."""
        raise InputError("a frozen graph cannot be trained")

    def runner(self, precision: str, inputs: Sequence[str]) -> "GraphRunner":
        """See `AnyOriginal`."""
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
        return GraphRunner(tf, graph_def, self._frozen, self._layers, inputs)


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
    """A signature of a SavedModel as an original; `output` names one of several."""
    return GraphModel(freeze_saved_model(path, signature, output), seed=seed)


def tf1_graph(
    build: Build | str | Path,
    *,
    checkpoint: str | Path | None = None,
    inputs: Sequence[str] = (),
    output: str = "",
    seed: int | None = None,
) -> GraphModel:
    """A TensorFlow 1 graph as an original; see `freeze_graph`."""
    frozen = freeze_graph(build, checkpoint=checkpoint, inputs=inputs, output=output)
    return GraphModel(frozen, seed=seed)


class GraphRunner:
    """Runs a graph; see `OriginalRunner`."""

    def __init__(
        self,
        tf: Any,
        graph_def: Any,
        frozen: FrozenGraph,
        layers: Mapping[str, GraphLayer],
        inputs: Sequence[str],
    ) -> None:
        known = set(inputs) == set(frozen.inputs)
        self._placeholders = dict(zip(inputs, inputs if known else frozen.inputs, strict=True))
        self._tensors = {name: layer.tensor for name, layer in layers.items()}
        self._tensors[OUTPUT] = frozen.output
        self._graph = tf.Graph()
        with self._graph.as_default():
            tf.import_graph_def(graph_def, name="")
        self._session = tf.compat.v1.Session(graph=self._graph)

    def tensor(self, tap: str) -> str:
        """The name of a tap's tensor."""
        return self._tensors[tap]

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray]) -> Arrays:
        """See `OriginalRunner`."""
        found = self.fetch(given, {self._tensors[tap] for tap in stage.taps})
        return {tap: found[self._tensors[tap]] for tap in stage.taps}

    def run_layer(self, tap: str, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        """See `OriginalRunner`."""
        tensor = self._tensors[tap]
        taps = {self._tensors[name]: name for name in seen if name in self._tensors}
        fed = {name: seen[taps[name]] for name in self._in_front(tensor, taps.keys() - {tensor})}
        if tap == OUTPUT:  # it may be another tap's tensor: what is seen there is what goes out
            fed |= {tensor: seen[taps[tensor]]} if taps[tensor] != OUTPUT else {}
        return self.fetch(seen, {tensor}, fed)[tensor]

    def fetch(
        self,
        given: Mapping[str, np.ndarray],
        tensors: Collection[str],
        fed: Mapping[str, np.ndarray] | None = None,
    ) -> Arrays:
        """Tensors by name, computed from inputs and from what is fed in place of others."""
        feeds = {f"{node}:0": given[name] for name, node in self._placeholders.items()}
        feeds |= fed or {}
        cast = {n: a.astype(self._graph.get_tensor_by_name(n).dtype.as_numpy_dtype)
                for n, a in feeds.items()}  # fmt: skip
        found: Arrays = self._session.run({name: name for name in tensors}, cast)
        return found

    def close(self) -> None:
        """See `OriginalRunner`."""
        self._session.close()

    def _in_front(self, tensor: str, taps: Collection[str]) -> Iterator[str]:
        """The nearest of `taps` that `tensor` is computed from."""
        waiting = list(self._graph.get_tensor_by_name(tensor).op.inputs)
        met = set[str]()
        while waiting:
            read = waiting.pop()
            if read.name in met:
                continue
            met.add(read.name)
            if read.name in taps:
                yield read.name
            else:
                waiting += read.op.inputs
