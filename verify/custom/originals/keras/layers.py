"""Watching the layers of a Keras model at work."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from verify.custom.originals.keras.precision import THEIRS
from verify.custom.originals.keras.recurrent import is_loop, is_recurrent, run_whole, with_ends
from verify.custom.originals.keras.time_distributed import (
    Folded,
    distributed_alone,
    is_distributed,
)
from verify.custom.originals.original import RETURNED

# Is told of a layer at work: its tap, the layer, what it read and what it computed. What it
# returns, if anything, goes on instead.
See = Callable[[str, Any, tuple[Any, ...], Any], Any]


def named_layers(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every layer inside `model` by its path, containers after what they hold.

    Of layers of one name in one container, which subclassed models may have, the second is
    `name~2`. One that several containers hold comes under each of its paths. The cells of a
    recurrent layer are a part of it.
    """
    layers = model._flatten_layers(include_self=False, recursive=False)
    for name, layer in _told_apart((layer.name, layer) for layer in layers):
        path = f"{prefix}{name}"
        if not is_loop(layer):
            yield from named_layers(layer, f"{path}/")
        yield path, layer


def own_variables(path: str, layer: Any) -> dict[str, Any]:
    """The floating-point variables of a layer that no layer inside it has, by name.

    Of the model itself, whose path is empty, they have no prefix. Those of a recurrent layer's
    cells are its own. A plain `tf.Variable` counts too, though Keras does not know of it.
    """
    parts = dict(named_layers(layer, f"{path}/")) if is_loop(layer) else {}
    inside = {
        id(variable)
        for sublayer in getattr(layer, "_layers", ())
        for variable in sublayer.variables
    }
    prefix = f"{path}/" if path else ""
    met = {id(v): v for v in (*getattr(layer, "variables", ()), *_plain(layer))}
    own = [v for key, v in met.items() if key not in inside and "float" in str(v.dtype)]
    names = ((v.name.removesuffix(":0"), v) for v in own)
    return variables_of(parts) | {
        f"{prefix}{name}": variable for name, variable in _told_apart(names)
    }


def _plain(layer: Any) -> Iterator[Any]:
    """Variables of TensorFlow's own that are attributes of a layer, in lists and dicts too."""
    import tensorflow as tf

    attributes = vars(layer) if hasattr(layer, "__dict__") else {}
    waiting = [value for name, value in attributes.items() if not name.startswith(THEIRS)]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, tf.Variable):
            yield value
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)


def _told_apart(named: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """With a number behind a name that was there before: `name~2`."""
    counts: Counter[str] = Counter()
    for name, value in named:
        counts[name] += 1
        yield (name if counts[name] == 1 else f"{name}~{counts[name]}"), value


def variables_of(layers: Mapping[str, Any]) -> dict[str, Any]:
    """Those of all `layers`, which are given by path; one that several share, by its first name."""
    own = (own_variables(path, layer) for path, layer in layers.items())
    named = ((name, variable) for variables in own for name, variable in variables.items())
    met: dict[int, tuple[str, Any]] = {}
    for name, variable in named:
        met.setdefault(id(variable), (name, variable))
    return dict(met.values())


def names_by_layer(layers: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """By a layer's path the variables that it has, under the names of `variables_of`."""
    first = {id(variable): name for name, variable in variables_of(layers).items()}
    return {
        path: tuple(first[id(variable)] for variable in own_variables(path, layer).values())
        for path, layer in layers.items()
    }


@contextmanager
def watch(layers: Mapping[str, Any], see: See) -> Iterator[Callable[[], None]]:
    """Call `see` whenever one of `layers` has worked.

    Yields what is to be called before the model runs once more from its start.

    An activation inside a layer with a kernel counts as a layer of its own: what it reads is the
    tap `name/linear`, what it computes is `name`. The tap of a recurrent layer is its sequence; if
    it returns the last step alone, or directions merged, that is `name/returned`.
    """
    calls: Counter[str] = Counter()
    changed: list[tuple[Any, str, Any]] = []

    def replace(layer: Any, attribute: str, function: Callable[..., Any]) -> None:
        # Past Keras' own __setattr__, which keeps track of what a layer is made of.
        changed.append((layer, attribute, vars(layer).get(attribute)))
        object.__setattr__(layer, attribute, function)

    def watched(name: str, layer: Any) -> Callable[..., Any]:
        call, activation = layer.call, _fused_activation(layer)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            calls[name] += 1
            tap = name if calls[name] == 1 else f"{name}#{calls[name]}"
            read = [(layer, (*args, *kwargs.values()))]
            if is_recurrent(layer):
                return recurrent(tap, layer, call, args, kwargs)
            if is_distributed(layer) and kwargs.get("mask") is None:
                return distributed(tap, layer, args, kwargs)

            def activate(x: Any) -> Any:
                x = _instead(see(f"{tap}/linear", layer, args, x), x)
                read[0] = activation, (x,)
                return activation(x)

            if activation is not None:
                object.__setattr__(layer, "activation", activate)
            value = call(*args, **kwargs)
            return _instead(see(tap, *read[0], value), value)

        return wrapper

    def recurrent(
        tap: str, layer: Any, call: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        computed, states, returned = run_whole(layer, call, args, kwargs)
        sequence = _instead(see(tap, layer, (*args, *kwargs.values()), computed), computed)
        if sequence is not computed:
            states = with_ends(layer, states, computed, sequence)
        value = sequence
        if returned is not None:
            value = returned(sequence)
            value = _instead(see(f"{tap}{RETURNED}", returned, (sequence,), value), value)
        if isinstance(value, tuple):
            return (*value, *states)
        return (value, *states) if states else value

    def distributed(tap: str, layer: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        folded, inner = Folded(layer, args[0]), layer.layer
        own = inner if id(inner) in alone else layer
        activation: Any = _fused_activation(inner) if own is inner else None
        read: list[tuple[Any, Any]] = [(own, args)]

        def activate(x: Any) -> Any:
            x = folded.unfold(x)
            x = _instead(see(f"{tap}/linear", own, args, x), x)
            read[0] = activation, (x,)
            return activation(folded.fold(x))

        if activation is not None:
            object.__setattr__(inner, "activation", activate)
        try:
            value = folded.run(args[0], kwargs)
        finally:
            if activation is not None:
                object.__setattr__(inner, "activation", activation)
        return _instead(see(tap, *read[0], value), value)

    alone = distributed_alone(layers)
    restore = [(layer, _fused_activation(layer)) for layer in layers.values()]
    for name, layer in layers.items():
        if id(layer) not in alone:
            replace(layer, "call", watched(name, layer))
    try:
        yield calls.clear
    finally:
        for layer, attribute, before in changed:
            object.__delattr__(layer, attribute)
            if before is not None:
                object.__setattr__(layer, attribute, before)
        for layer, activation in restore:
            if activation is not None:
                object.__setattr__(layer, "activation", activation)


def _fused_activation(layer: Any) -> Any:
    """None of a layer without one, and of one whose activation changes nothing."""
    has_kernel = hasattr(layer, "kernel") or hasattr(layer, "depthwise_kernel")
    activation = getattr(layer, "activation", None)
    if not has_kernel or hasattr(layer, "recurrent_kernel"):
        return None
    return None if getattr(activation, "__name__", "") == "linear" else activation


def _instead(replacement: Any, value: Any) -> Any:
    return value if replacement is None else replacement


def flat(values: Any) -> Iterator[Any]:
    """The tensors of numbers in nested tuples and lists."""
    if isinstance(values, tuple | list):
        for value in values:
            yield from flat(value)
    elif is_float(values) or is_whole_numbers(values):
        yield values


def is_float(value: Any) -> bool:
    """Is it a tensor of floating-point numbers that has values, not one of a graph?"""
    return "float" in str(getattr(value, "dtype", "")) and hasattr(value, "numpy")


def is_whole_numbers(value: Any) -> bool:
    """Is it such a tensor of integers, as tokens are?"""
    return "int" in str(getattr(value, "dtype", "")) and hasattr(value, "numpy")


def to_numpy(tensor: Any) -> np.ndarray:
    """A copy."""
    import keras

    return np.array(keras.ops.convert_to_numpy(tensor))


def like(tensor: Any, array: np.ndarray) -> Any:
    """The array as a tensor of `tensor`'s type."""
    import keras

    return keras.ops.convert_to_tensor(array, dtype=keras.backend.standardize_dtype(tensor.dtype))
