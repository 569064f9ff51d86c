"""Where an activation stops being one straight line: at a cap, at zero, where it saturates.

Of an activation whose bend no value passes, what lies behind it is not shown: a ReLU6 is a ReLU
where nothing is above six.
"""

from typing import Any

import numpy as np

# By the names of functions, operations, layers and modules, without marks and in lower case.
BENDS: dict[str, tuple[float, ...]] = {
    "relu": (0,),
    "relu6": (0, 6),
    "leakyrelu": (0,),
    "elu": (0,),
    "selu": (0,),
    "celu": (0,),
    "prelu": (0,),
    "hardsigmoid": (-3, 3),
    "hardsilu": (-3, 3),
    "hardswish": (-3, 3),
    "hardtanh": (-1, 1),
}
# What says where they are, of those that take any: Keras' ReLU and clip, torch's Hardtanh.
ENDS = {
    "relu": ("threshold", "max_value"),
    "clip": ("x_min", "x_max"),
    "hardtanh": ("min_val", "max_val"),
}


def bends_of(activation: Any) -> tuple[float, ...]:
    """Of a layer, a module, an operation or a function; none of what is smooth, or not known."""
    name = getattr(activation, "__name__", type(activation).__name__)
    if name == "Activation":
        return bends_of(activation.activation)
    plain = name.replace("_", "").lower()
    ends = [getattr(activation, end, None) for end in ENDS.get(plain, ())]
    known = tuple(float(end) for end in ends if isinstance(end, int | float))
    return known or BENDS.get(plain, ())


def unpassed(bends: tuple[float, ...], reads: np.ndarray) -> tuple[float, ...]:
    """The bends that have not numbers on both of their sides."""
    if reads.size == 0:
        return bends
    low, high = reads.min(), reads.max()
    return tuple(bend for bend in bends if not low < bend < high)
