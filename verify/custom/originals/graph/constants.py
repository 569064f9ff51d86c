"""The number that an author wrote where a graph has it rounded to float32."""

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

# Float32 tells decimals of so many digits apart; what needs more was no short decimal.
DIGITS = 6
LARGEST_DENOMINATOR = 1000
# Of GELU.
ROOT = math.sqrt(2 / math.pi)
# Attention divides by the root of a size.
LARGEST_SIZE = 65536
# An array of more numbers was computed or learned; nobody wrote it.
MOST_WRITTEN = 1000


def array_as_written(value: np.ndarray) -> tuple[np.ndarray, bool]:
    """In float64, and whether it can be told of every number in it."""
    if value.size > MOST_WRITTEN:
        exact = value.astype(np.float64)
        return exact, bool((exact == np.round(exact)).all())
    exact = np.vectorize(as_written, otypes=[np.float64])(value)
    return exact, all(map(is_exact, value.reshape(-1)))


def as_written(value: np.float32) -> float:
    """The number that was written where float32 has `value`, as far as that can be told."""
    decimal = float(str(value))
    if _digits(value) <= DIGITS or not np.isfinite(value):
        return decimal
    near = Fraction(float(value)).limit_denominator(LARGEST_DENOMINATOR)
    candidates = (near.numerator / near.denominator, ROOT, *_roots(float(value)))
    return next((number for number in candidates if np.float32(number) == value), decimal)


def _roots(value: float) -> Iterator[float]:
    """The root of the nearest size, and one through it."""
    if value != 0 and 1 / LARGEST_SIZE <= value * value <= LARGEST_SIZE:
        yield math.copysign(math.sqrt(round(value * value)), value)
        yield math.copysign(1 / math.sqrt(round(1 / (value * value)) or 1), value)


def is_exact(value: np.float32) -> bool:
    """Can it be told?"""
    return _digits(value) <= DIGITS or as_written(value) != float(str(value))


def _digits(value: np.float32) -> int:
    return len(str(value).partition("e")[0].strip("-").replace(".", "").strip("0"))
