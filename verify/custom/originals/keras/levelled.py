"""Seeded kernels of a Keras model at a level: what its layers compute neither grows nor vanishes.

Residual paths add up, gates scale, and a batch norm of seeded statistics does not normalise. Over a
hundred layers numbers get so large that each gate is a step, which magnifies any rounding.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from port.errors import InputError
from verify.custom.layouts.nested import by_name
from verify.custom.originals.keras.layers import to_numpy, watch
from verify.custom.originals.keras.run import run
from verify.custom.originals.probes import probe_input
from verify.numerics.arrays import Arrays

KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
# Standard deviations of what a kernel computes that are left alone.
LEAST, MOST = 2.0**-4, 2.0**4
# The size of an axis that the model leaves open.
OPEN = 32
IMAGES = 255.0


def levelled(
    model: Any, layers: Mapping[str, Any], variables: Mapping[str, Any], weights: Arrays
) -> Arrays:
    """The weights, of which kernels are scaled by powers of two, the first layer first.

    The model runs on an input of its own shapes, and keeps the weights that it has. What takes
    whole numbers, or does not say what it takes, is not scaled.

    Args:
        model: in float32.
        layers: its layers by path, to be watched.
        variables: its variables by name.
        weights: by the same names.
    """
    inputs = _inputs(model, layers)
    if inputs is None:
        return weights
    before = {name: to_numpy(variable) for name, variable in variables.items()}
    try:
        for name, variable in variables.items():
            variable.assign(weights[name])
        _level(model, layers, inputs)
        return {name: to_numpy(variable) for name, variable in variables.items()}
    except InputError:  # an input of its own would be needed
        return weights
    finally:
        for name, variable in variables.items():
            variable.assign(before[name])


def _level(model: Any, layers: Mapping[str, Any], inputs: Arrays) -> None:
    def see(tap: str, layer: Any, _: Any, value: Any) -> Any:
        kernel = next((getattr(layer, n) for n in KERNELS[::-1] if hasattr(layer, n)), None)
        if kernel is None or "#" in tap or hasattr(layer, "recurrent_kernel"):
            return None
        bias = getattr(layer, "bias", None)
        computed = to_numpy(value) - (0 if bias is None else to_numpy(bias))
        spread = float(np.std(computed))
        if not np.isfinite(spread) or spread == 0 or LEAST <= spread <= MOST:
            return None
        factor = 2.0 ** -round(np.log2(spread))
        kernel.assign(to_numpy(kernel) * factor)
        return (value - bias) * factor + bias if bias is not None else value * factor

    with watch(layers, see):
        run(model, inputs)


def _inputs(model: Any, layers: Mapping[str, Any]) -> Arrays | None:
    """Numbers such as the model reads, images if it scales them; None if that is not known."""
    struct = getattr(model, "_inputs_struct", None)
    functional = getattr(model, "_functional", None)
    struct = getattr(functional, "_inputs_struct", None) if struct is None else struct
    tensors = by_name(struct, lambda value: hasattr(value, "_keras_history"))
    if not tensors or any("float" not in tensor.dtype for tensor in tensors.values()):
        return None
    scales = any(
        type(layer).__name__ in ("Rescaling", "Normalization") for layer in layers.values()
    )
    shapes = {
        name: (2, *(size or OPEN for size in tensor.shape[1:])) for name, tensor in tensors.items()
    }
    scale = IMAGES if scales else 1.0
    return {name or "input": probe_input(shape, scale=scale) for name, shape in shapes.items()}
