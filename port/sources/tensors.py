"""TensorFlow's data types, and shapes that are safe to allocate.

Format: `tensorflow/core/framework/types.proto` and `tensor_shape.proto`.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

import ml_dtypes
import numpy as np

from port.sources.wire import MalformedError

STRING = 7

_NUMERIC = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
_REFUSED = {
    8: "complex64",
    11: "qint8",
    12: "quint8",
    13: "qint32",
    15: "qint16",
    16: "quint16",
    18: "complex128",
    20: "resource",
    21: "variant",
}
# numpy 1 takes no more axes.
_MAX_RANK = 32


def is_numeric(number: int) -> bool:
    """Return whether TensorFlow's `DataType` number is one that weights may have."""
    return number in _NUMERIC


def numpy_dtype(number: int) -> np.dtype:
    """Return numpy's little-endian dtype for TensorFlow's `DataType` number.

    Strings have dtype object, each element a `bytes`.

    Raises:
        MalformedError: TensorFlow has no such type, or none that weights have.

    """
    if number == STRING:
        return np.dtype(object)
    if number not in _NUMERIC:
        raise MalformedError(
            f"has data type {_REFUSED.get(number, number)}, which weights do not have"
        )
    name = _NUMERIC[number]
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def dtype_name(dtype: np.dtype) -> str:
    """Return the name of a dtype as `TensorInfo` has it."""
    return "string" if dtype.hasobject else dtype.name


def checked_shape(sizes: Iterable[int]) -> tuple[int, ...]:
    """Return the axis lengths as a shape that numpy can hold, however few its bytes.

    Raises:
        MalformedError: An axis is negative, there are too many, or their product overflows.

    """
    shape = tuple(sizes)
    if len(shape) > _MAX_RANK:
        raise MalformedError(f"has {len(shape)} axes; at most {_MAX_RANK} are understood")
    if any(size < 0 for size in shape):
        raise MalformedError(f"has shape {list(shape)} with a negative size")
    # numpy multiplies the axes that are not empty, 8 bytes an element at most.
    if prod(size for size in shape if size) >= 1 << 59:
        raise MalformedError(f"has shape {list(shape)}, whose size overflows")
    return shape
