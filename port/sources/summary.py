"""What a tensor's values look like, in five numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan

import numpy as np

_CHUNK = 1 << 18  # values; keeps the double-precision copy small beside the tensor


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics of a tensor's finite values; nan where there are none.

    Attributes:
        minimum: The least.
        maximum: The greatest.
        mean: In double precision.
        std: The population's standard deviation, in double precision.
        nonfinite: How many values are infinite or not a number; not counted in the others.

    """

    minimum: float
    maximum: float
    mean: float
    std: float
    nonfinite: int


def summarize(values: np.ndarray) -> Summary:
    """Return the statistics of an array of any shape and any dtype a source gives.

    Integers beyond 2**53 are rounded. Arrays of strings have no finite values.
    """
    if values.dtype.hasobject:
        return Summary(nan, nan, nan, nan, 0)
    flat = values.reshape(-1)
    count, total, least, greatest = 0, 0.0, np.inf, -np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        for chunk in _finite_chunks(flat):
            count += chunk.size
            total += float(chunk.sum())
            least = min(least, float(chunk.min()))
            greatest = max(greatest, float(chunk.max()))
        if not count:
            return Summary(nan, nan, nan, nan, flat.size)
        mean = total / count
        squares = sum(float(np.square(chunk - mean).sum()) for chunk in _finite_chunks(flat))
    return Summary(least, greatest, mean, (squares / count) ** 0.5, flat.size - count)


def _finite_chunks(flat: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the finite values in double precision, some at a time, none empty."""
    for start in range(0, flat.size, _CHUNK):
        chunk = flat[start : start + _CHUNK].astype(np.float64)
        chunk = chunk[np.isfinite(chunk)]
        if chunk.size:
            yield chunk
