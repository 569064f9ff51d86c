"""Putting a Keras model into float64 that was made in float32, such as one loaded from a file.

A model that a function builds takes its precision from Keras' settings. What is loaded has its own,
as have layers that are given a `dtype`, and plain variables of TensorFlow's.
"""

from collections.abc import Callable, Mapping
from typing import Any

from verify.runners.tensorflow import import_keras, import_tensorflow

Change = Callable[[Any], Any]
# What Keras and TensorFlow keep of a layer to save it.
THEIRS = ("_self_", "_tracker")


def put_into(precision: str, model: Any) -> None:
    """Change `model` in place: what its layers compute in, and their variables' dtype.

    Constants that a layer has computed already keep their rounding.
    """
    keras, tf = import_keras(), import_tensorflow()
    changed: dict[int, Any] = {}

    def anew(variable: Any) -> Any:
        if not variable.dtype.is_floating or variable.dtype.name == precision:
            return variable
        if id(variable) not in changed:
            value = tf.cast(variable.read_value(), precision)
            # Beside the old one, so that its id is given to no other.
            name = variable.name.removesuffix(":0")
            new = tf.Variable(value, trainable=variable.trainable, name=name)
            changed[id(variable)] = new, variable
        return changed[id(variable)][0]

    for layer in model._flatten_layers():
        for tensor in _inputs(layer):
            tensor._dtype = precision if "float" in tensor.dtype else tensor.dtype
        if hasattr(layer, "dtype_policy"):
            layer.dtype_policy = keras.dtype_policies.get(precision)
        for name, value in list(vars(layer).items()):
            if not name.startswith(THEIRS):
                other = _changed(value, tf.Variable, anew)
                if other is not value:
                    object.__setattr__(layer, name, other)
            if isinstance(value, keras.regularizers.Regularizer):
                _restore_decimals(value)
    for variable in model.variables:
        if "float" in str(variable.dtype) and str(variable.dtype) != precision:
            variable._value, variable._dtype = anew(variable._value), precision


def _restore_decimals(regularizer: Any) -> None:
    """Some hold their factor as a float32; the shortest decimal of that is what was given."""
    for name, value in vars(regularizer).items():
        if hasattr(value, "numpy") and value.shape == ():
            setattr(regularizer, name, float(str(value.numpy())))


def _inputs(layer: Any) -> list[Any]:
    """What a functional model casts its inputs to."""
    functional = getattr(layer, "_functional", None) or layer
    return [*getattr(functional, "_inputs", ())]


def _changed(value: Any, kind: type, change: Change) -> Any:
    """A value with every object of a kind in it changed; itself, if there is none."""
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, Mapping):
        inside = {key: _changed(each, kind, change) for key, each in value.items()}
        differs = any(inside[key] is not value[key] for key in inside)
        return inside if differs else value
    if type(value) in (list, tuple) or type(value).__name__ in ("TrackedList", "ListWrapper"):
        parts = [_changed(each, kind, change) for each in value]
        differs = any(new is not old for new, old in zip(parts, value, strict=True))
        return (tuple(parts) if isinstance(value, tuple) else parts) if differs else value
    return value
