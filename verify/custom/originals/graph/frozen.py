"""Freezing originals of TensorFlow: a function, a SavedModel's signature, a TensorFlow 1 graph."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from port.errors import InputError
from verify.custom.originals.graph.inline import inlined
from verify.runners.tensorflow import import_tensorflow

# Makes a graph in the default graph; returns its placeholder, or several in a list, and its output.
Build = Callable[[], tuple[Any, Any]]


@dataclass(frozen=True)
class FrozenGraph:
    """A graph whose variables are constants.

    `inputs`: names of its placeholders, in order; `output`: the name of a tensor, such as
    `logits:0`; `constants`: by a variable's name, the name of the constant; `trainable`: the
    variables that gradients change.
    """

    graph_def: Any
    inputs: tuple[str, ...]
    output: str
    constants: Mapping[str, str]
    trainable: frozenset[str]

    def values(self) -> dict[str, np.ndarray]:
        """The floating-point variables' values."""
        tf = import_tensorflow()
        nodes = {node.name: node for node in self.graph_def.node}
        values = {
            name: tf.make_ndarray(nodes[constant].attr["value"].tensor)
            for name, constant in self.constants.items()
            if constant in nodes
        }
        return {name: value for name, value in values.items() if value.dtype.kind == "f"}


def freeze_function(function: Any, output: str | None = None) -> FrozenGraph:
    """A `tf.function` with an `input_signature`, or a concrete function.

    Args:
        function: what to freeze.
        output: which of several outputs by name.

    Raises:
        InputError: it is none of those, or has several outputs.
    """
    if hasattr(function, "get_concrete_function"):
        try:
            function = function.get_concrete_function()
        except TypeError as error:
            raise InputError(
                f"give the function an input_signature, or trace it: {error}"
            ) from None
    if not hasattr(function, "captured_inputs"):
        raise InputError(f"{function!r} is no tf.function, nor a concrete function")
    named = told_apart((variable.name, variable) for variable in function.graph.variables)
    variables = {id(variable.handle): (name, variable) for name, variable in named}
    constants = {
        variables[id(outer)][0]: inner.op.name
        for outer, inner in function.graph.captures
        if id(outer) in variables
    }
    outputs = _outputs(function)
    place = _pick(list(outputs), output)
    frozen = _constant(function)
    return FrozenGraph(
        frozen.graph.as_graph_def(),
        tuple(tensor.op.name for tensor in frozen.inputs),
        frozen.outputs[list(outputs).index(place)].name,
        constants,
        frozenset(name for name, variable in variables.values() if variable.trainable),
    )


def _constant(function: Any) -> Any:
    """With loops and branches as single operations, which have functions of their own."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        return convert_variables_to_constants_v2(function, lower_control_flow=False)
    except Exception as error:  # whatever TensorFlow raises
        raise InputError(f"the function cannot be frozen: {first_line(error)}") from None


def freeze_saved_model(
    path: str | Path, signature: str = "serving_default", output: str | None = None
) -> FrozenGraph:
    """A signature of a SavedModel.

    Raises:
        InputError: there is no such model, or no such signature.
    """
    tf = import_tensorflow()
    try:
        model = tf.saved_model.load(str(path))
    except OSError as error:
        raise InputError(f"{path}: not a SavedModel ({first_line(error)})") from None
    if signature not in model.signatures:
        has = ", ".join(model.signatures) or "none"
        raise InputError(f"{path}: no signature {signature!r}; it has {has}")
    return freeze_function(model.signatures[signature], output)


def freeze_graph(
    build: Build | str | Path,
    *,
    checkpoint: str | Path | None = None,
    inputs: Sequence[str] = (),
    output: str = "",
) -> FrozenGraph:
    """A TensorFlow 1 graph.

    Args:
        build: makes the graph; or the path of a meta graph (`.meta`).
        checkpoint: of its variables; they are initialised if None.
        inputs: of a meta graph, the names of its placeholders.
        output: of a meta graph, the name of its output.
    """
    tf = import_tensorflow()
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_from_session_graph as convert,
    )

    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        if callable(build):
            placeholders, result = build()
            listed = placeholders if isinstance(placeholders, list | tuple) else [placeholders]
            names, output = tuple(tensor.op.name for tensor in listed), result.name
        else:
            v1.train.import_meta_graph(str(build))
            names = tuple(name.removesuffix(":0") for name in inputs)
            output = output if ":" in output else f"{output}:0"
        variables = v1.global_variables()
        session.run(v1.global_variables_initializer())
        if checkpoint is not None:
            v1.train.Saver(variables).restore(session, str(checkpoint))
        node = output.partition(":")[0]
        graph_def = convert(session, graph.as_graph_def(), [node])
        trainable = frozenset(variable.op.name for variable in v1.trainable_variables())
    constants = {variable.op.name: variable.op.name for variable in variables}
    kept = [*(f"{name}:0" for name in names), output]
    return FrozenGraph(inlined(graph_def, kept), names, output, constants, trainable)


def told_apart(named: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """With a number behind a name that was there before: `name~2`."""
    counts: Counter[str] = Counter()
    for name, value in named:
        name = name.removesuffix(":0")
        counts[name] += 1
        yield (name if counts[name] == 1 else f"{name}~{counts[name]}"), value


def first_line(error: Exception) -> str:
    """The first that says something of what TensorFlow says, which may go on for pages."""
    lines = (line.strip() for line in str(error).splitlines())
    said = (line for line in lines if line and line != "Graph execution error:")
    return next(said, type(error).__name__)


def _outputs(function: Any) -> dict[str, Any]:
    """By name, in the order of the function's flat outputs; of one without a name, `output`."""
    structured = function.structured_outputs
    if isinstance(structured, dict):
        return dict(sorted(structured.items()))
    if isinstance(structured, list | tuple):
        return {str(index): value for index, value in enumerate(structured)}
    return {"output": structured}


def _pick(names: list[str], output: str | None) -> str:
    if output in names:
        return output
    if output is None and len(names) == 1:
        return names[0]
    raise InputError(f"name the output with `output=`: there are {', '.join(names)}")
