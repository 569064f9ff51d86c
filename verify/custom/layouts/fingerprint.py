"""Telling whether two arrays hold the same numbers, in whatever layout."""

from dataclasses import dataclass

import numpy as np

# Between float64 results of the same function; what differs by a bug differs by far more.
CLOSE = 1e-9
# Where something in front was rounded to float32.
ROUNDED_CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Power sums of an array: no transposition changes them, and no zeros put around it.

    So what a layer reads is recognised in NHWC and NCHW, before and behind its padding. `sums`
    are of x, x² and x³, `scales` the same of |x|. `order` does change with the order: of a matrix,
    whose layout is the same on both sides; None of other arrays.
    """

    sums: tuple[float, float, float]
    scales: tuple[float, float, float]
    order: float | None = None

    @classmethod
    def of(cls, array: np.ndarray) -> "Fingerprint":
        """An array of any shape."""
        flat = array.reshape(-1).astype(np.float64)
        squares = flat * flat
        size = np.abs(flat)
        square = float(squares.sum())
        return cls(
            (float(flat.sum()), square, float((squares * flat).sum())),
            (float(size.sum()), square, float((squares * size).sum())),
            float((flat * np.linspace(0, 1, flat.size)).sum()) if array.ndim == 2 else None,
        )

    def matches(self, other: "Fingerprint") -> bool:
        """Do both hold the same numbers, up to rounding? Zeros alone match nothing."""
        return all(
            0 < scale < np.inf and abs(mine - its) <= CLOSE * scale
            for mine, its, scale in zip(self.sums, other.sums, self.scales, strict=True)
        )

    def reorders(self, other: "Fingerprint") -> bool:
        """Do both hold the same numbers, in another order?"""
        if self.order is None or other.order is None or not self.matches(other):
            return False
        return abs(self.order - other.order) > CLOSE * self.scales[0]


def agree(found: np.ndarray, truth: np.ndarray, within: float = CLOSE) -> bool:
    """Are they equal up to rounding, element by element? Whole numbers have none.

    `within` is a share of the truth's largest magnitude.
    """
    if found.shape != truth.shape:
        return False
    if truth.dtype.kind != "f":
        return np.array_equal(found, truth)
    scale = np.abs(truth).max(initial=0.0)
    return bool(np.abs(found - truth).max(initial=0.0) <= within * scale)
