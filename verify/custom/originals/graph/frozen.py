"""Freezing originals of TensorFlow: a function, a SavedModel's signature, a TensorFlow 1 graph."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from port.errors import InputError
from verify.custom.layouts.nested import by_name
from verify.custom.originals.graph.foreign import refuse_loading, refuse_unsafe
from verify.custom.originals.graph.inline import inlined
from verify.custom.originals.original import OUTPUT, output_tap
from verify.runners.tensorflow import import_tensorflow

# Makes a graph in the default graph; returns its placeholder, or several in a list, and its output,
# or several in a list or a dict.
Build = Callable[[], tuple[Any, Any]]


@dataclass(frozen=True)
class FrozenGraph:
    """A graph whose variables are constants.

    `inputs`: names of its placeholders, in order; `outputs`: by tap the name of a tensor, such as
    `logits:0`; `constants`: by a variable's name, the name of the constant; `trainable`: the
    variables that gradients change.
    """

    graph_def: Any
    inputs: tuple[str, ...]
    outputs: Mapping[str, str]
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
        output: which of several outputs, by name; all of them if None.

    Raises:
        InputError: it is none of those.
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
    by_handle = {id(variable.handle): variable for variable in function.graph.variables}
    captured = [
        (by_handle[id(outer)], inner.op.name)
        for outer, inner in function.graph.captures
        if id(outer) in by_handle
    ]
    named = list(told_apart((variable.name, (variable, node)) for variable, node in captured))
    constants = {name: node for name, (_, node) in named}
    names = _output_names(function)
    frozen = _constant(function)
    tensors = {name: tensor.name for name, tensor in zip(names, frozen.outputs, strict=True)}
    return FrozenGraph(
        frozen.graph.as_graph_def(),
        tuple(tensor.op.name for tensor in frozen.inputs),
        _picked(tensors, output),
        constants,
        frozenset(name for name, (variable, _) in named if variable.trainable),
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
    refuse_unsafe(Path(path))
    try:
        model = tf.saved_model.load(str(path))
    except Exception as error:  # whatever TensorFlow raises
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
    output: str | Sequence[str] = "",
) -> FrozenGraph:
    """A TensorFlow 1 graph.

    Args:
        build: makes the graph; or the path of a meta graph (`.meta`).
        checkpoint: of its variables; they are initialised if None.
        inputs: of a meta graph, the names of its placeholders.
        output: of a meta graph, the name of its output, or the names of several.
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
            names = tuple(tensor.op.name for tensor in listed)
            outputs = {n: t.name for n, t in by_name(result, tf.is_tensor).items()}
        else:
            v1.train.import_meta_graph(str(build))
            names = tuple(name.removesuffix(":0") for name in inputs)
            listed = [output] if isinstance(output, str) else list(output)
            tensors = [name if ":" in name else f"{name}:0" for name in listed]
            outputs = dict(zip(listed, tensors, strict=True))
        variables = v1.global_variables()
        initializer = v1.global_variables_initializer()
        if not callable(build):
            refuse_loading(Path(build), graph.as_graph_def(), [initializer.name])
        session.run(initializer)
        if checkpoint is not None:
            v1.train.Saver(variables).restore(session, str(checkpoint))
        nodes = list({tensor.partition(":")[0] for tensor in outputs.values()})
        graph_def = convert(session, graph.as_graph_def(), nodes)
        trainable = frozenset(variable.op.name for variable in v1.trainable_variables())
    constants = {variable.op.name: variable.op.name for variable in variables}
    kept = [*(f"{name}:0" for name in names), *outputs.values()]
    graph_def = inlined(graph_def, kept)
    return FrozenGraph(graph_def, names, _picked(outputs, None), constants, trainable)


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


def _output_names(function: Any) -> list[str]:
    """Those of the function's flat outputs, by keys or numbers; of one alone, without a name."""
    from tensorflow.python.util import nest

    named = nest.flatten_with_joined_string_paths(function.structured_outputs)
    return [name for name, tensor in named if hasattr(tensor, "dtype")]


def _picked(tensors: Mapping[str, str], output: str | None) -> dict[str, str]:
    """By tap; of one alone its name is of no interest."""
    if not tensors:
        raise InputError("the original has no output: return a tensor, or several")
    if output is not None:
        if output not in tensors:
            raise InputError(f"output: there is no {output!r}; there are {', '.join(tensors)}")
        return {OUTPUT: tensors[output]}
    if len(tensors) == 1:
        return {OUTPUT: next(iter(tensors.values()))}
    return {output_tap(name): tensor for name, tensor in tensors.items()}
