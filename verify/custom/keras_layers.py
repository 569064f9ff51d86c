"""Watching the layers of a Keras model at work."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

# Is told of a layer at work: its tap, the layer, what it read and what it computed. What it
# returns, if anything, goes on instead.
See = Callable[[str, Any, tuple[Any, ...], Any], Any]


def named_layers(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every layer inside `model` by its path, containers after what they hold."""
    for layer in model._flatten_layers(include_self=False, recursive=False):
        path = f"{prefix}{layer.name}"
        yield from named_layers(layer, f"{path}/")
        yield path, layer


def own_variables(path: str, layer: Any) -> dict[str, Any]:
    """The floating-point variables of a layer that no layer inside it has, by name."""
    inside = {
        id(variable)
        for sublayer in getattr(layer, "_layers", ())
        for variable in sublayer.variables
    }
    return {
        f"{path}/{variable.name}": variable
        for variable in getattr(layer, "variables", ())
        if id(variable) not in inside and "float" in str(variable.dtype)
    }


def variables_of(layers: Mapping[str, Any]) -> dict[str, Any]:
    """Those of all `layers`, which are given by path."""
    own = (own_variables(path, layer) for path, layer in layers.items())
    return {name: variable for variables in own for name, variable in variables.items()}


@contextmanager
def watch(layers: Mapping[str, Any], see: See) -> Iterator[None]:
    """Call `see` whenever one of `layers` has worked.

    An activation inside a layer with a kernel counts as a layer of its own: what it reads is the
    tap `name/linear`, what it computes is `name`.
    """
    calls: Counter[str] = Counter()
    changed: list[tuple[Any, str]] = []

    def replace(layer: Any, attribute: str, function: Callable[..., Any]) -> None:
        # Past Keras' own __setattr__, which keeps track of what a layer is made of.
        object.__setattr__(layer, attribute, function)
        changed.append((layer, attribute))

    def watched(name: str, layer: Any) -> Callable[..., Any]:
        call, activation = layer.call, _fused_activation(layer)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            calls[name] += 1
            tap = name if calls[name] == 1 else f"{name}#{calls[name]}"
            read = [(layer, args)]

            def activate(x: Any) -> Any:
                x = _instead(see(f"{tap}/linear", layer, args, x), x)
                read[0] = activation, (x,)
                return activation(x)

            if activation is not None:
                object.__setattr__(layer, "activation", activate)
            value = call(*args, **kwargs)
            return _instead(see(tap, *read[0], value), value)

        return wrapper

    restore = [(layer, _fused_activation(layer)) for layer in layers.values()]
    for name, layer in layers.items():
        replace(layer, "call", watched(name, layer))
    try:
        yield
    finally:
        for layer, attribute in changed:
            object.__delattr__(layer, attribute)
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
    """The tensors in nested tuples and lists."""
    if isinstance(values, tuple | list):
        for value in values:
            yield from flat(value)
    elif is_float(values):
        yield values


def is_float(value: Any) -> bool:
    """Is it a tensor of floating-point numbers that has values, not one of a graph?"""
    return "float" in str(getattr(value, "dtype", "")) and hasattr(value, "numpy")


def to_numpy(tensor: Any) -> np.ndarray:
    """A copy."""
    import keras

    return np.array(keras.ops.convert_to_numpy(tensor))


def like(tensor: Any, array: np.ndarray) -> Any:
    """The array as a tensor of `tensor`'s type."""
    import keras

    return keras.ops.convert_to_tensor(array, dtype=keras.backend.standardize_dtype(tensor.dtype))
