"""A frozen graph, one training step at a time: its weights are inputs of the graph."""

from collections.abc import Mapping
from itertools import chain, count
from typing import Any

import numpy as np

from port.errors import InputError
from verify.custom.originals.graph.frozen import FrozenGraph, first_line
from verify.custom.originals.graph.runner import imported, placeholders
from verify.runners.tensorflow import import_tensorflow
from verify.specs.spec import Arrays
from verify.specs.training_spec import LOSS, NetBatch, gradient_of, gradients_of_inputs

COUNTER = count()


class GraphTrainer:
    """The gradients of the function as it is; see `TrainingRunner`.

    Raises:
        InputError: TensorFlow has no gradient of it.
    """

    def __init__(
        self, graph_def: Any, frozen: FrozenGraph, variables: Mapping[str, np.ndarray]
    ) -> None:
        tf = import_tensorflow()
        constants = {frozen.constants[name]: name for name in variables}
        self._graph = imported(_with_weights_fed(tf, graph_def, constants))
        self._inputs, self._tensors = frozen.inputs, {n: f"{c}:0" for c, n in constants.items()}
        self._weights = {self._tensors[name]: value for name, value in variables.items()}
        self._statistics = {n: v for n, v in variables.items() if n not in frozen.trainable}
        with self._graph.as_default():
            tensor = self._graph.get_tensor_by_name
            outputs = {tap: tensor(name) for tap, name in frozen.outputs.items()}
            outputs = {tap: value for tap, value in outputs.items() if value.dtype.is_floating}
            self._factors = {
                tap: tf.compat.v1.placeholder(value.dtype, value.shape)
                for tap, value in outputs.items()
            }
            terms = (tf.reduce_sum(value * self._factors[tap]) for tap, value in outputs.items())
            self._fetched = outputs | {LOSS: tf.add_n(list(terms))}
            sources = {gradient_of(n): tensor(self._tensors[n]) for n in variables
                       if n in frozen.trainable}  # fmt: skip
            read = {name: tensor(f"{name}:0") for name in frozen.inputs}
            sources |= {name: value for name, value in read.items() if value.dtype.is_floating}
            try:
                gradients = tf.gradients(
                    self._fetched[LOSS], list(sources.values()), unconnected_gradients="zero"
                )
            except Exception as error:  # whatever TensorFlow raises
                raise _no_gradient(self._graph, error) from None
            self._fetched |= {
                name: tf.convert_to_tensor(gradient)
                for name, gradient in zip(sources, gradients, strict=True)
            }
        self._session = tf.compat.v1.Session(graph=self._graph)

    def run(self, batch: NetBatch) -> Arrays:
        """See `TrainingRunner`."""
        nodes = placeholders(tuple(batch.inputs), self._inputs)
        fed = self._weights | {f"{nodes[name]}:0": array for name, array in batch.inputs.items()}
        fed |= {self._factors[tap]: array for tap, array in batch.weights.items()}
        try:
            found: Arrays = self._session.run(self._fetched, fed)
        except Exception as error:  # whatever TensorFlow raises
            raise _no_gradient(self._graph, error) from None
        named = {nodes[name]: title for name, title in gradients_of_inputs(batch.inputs).items()}
        return self._statistics | {named.get(name, name): value for name, value in found.items()}

    def close(self) -> None:
        """See `TrainingRunner`."""
        self._session.close()


def _no_gradient(graph: Any, error: Exception) -> InputError:
    why = first_line(error)
    if any(op.type == "Enter" for op in graph.get_operations()):
        why = "its loops are of TensorFlow 1; build them with tf.compat.v1.enable_control_flow_v2()"
    return InputError(
        f"training: TensorFlow has no gradient of this graph: {why}. Without --level=training "
        "the rest is compared"
    )


def _with_weights_fed(tf: Any, graph_def: Any, constants: Mapping[str, str]) -> Any:
    """With a placeholder for each of `constants`."""
    copy = tf.compat.v1.GraphDef()
    copy.CopyFrom(graph_def)
    for node in copy.node:
        if node.name in constants:
            shape = node.attr["value"].tensor.tensor_shape
            node.op = "Placeholder"
            node.attr["shape"].shape.CopyFrom(shape)
            del node.attr["value"]
    _rename_functions(copy, f"_{next(COUNTER)}")
    return copy


def _rename_functions(graph_def: Any, end: str) -> None:
    """Give the functions names that no other graph has.

    TensorFlow keeps the gradients of a loop's functions by name, in one place for all graphs.
    """
    functions = graph_def.library.function
    known = {function.signature.name for function in functions}
    for function in functions:
        function.signature.name += end
    for node in chain(graph_def.node, *(function.node_def for function in functions)):
        if node.op in known:
            node.op += end
        for attribute in node.attr.values():
            named = [attribute.func] if attribute.HasField("func") else attribute.list.func
            for function in named:
                if function.name in known:
                    function.name += end
