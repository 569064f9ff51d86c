"""How far apart two arrays are. Pure numpy, in float64; knows no framework."""

from dataclasses import dataclass

import numpy as np

# Elements compared at a time: what a processor's cache holds, and no copy of a whole tap.
CHUNK = 1 << 15


@dataclass(frozen=True, slots=True)
class Difference:
    """The distance of an array from the truth, in the truth's own unit.

    `maximum` and `rms` are of the elementwise absolute difference, both infinite where shapes
    differ or either side holds a NaN or an infinity. `scale` is the truth's largest magnitude.
    """

    maximum: float
    rms: float
    scale: float

    @property
    def relative(self) -> float:
        """The largest difference as a share of the truth's largest magnitude."""
        if self.maximum == 0:
            return 0.0
        if self.scale == 0 or not np.isfinite(self.maximum):
            return np.inf
        return self.maximum / self.scale


def difference(found: np.ndarray, truth: np.ndarray) -> Difference:
    """Compare elementwise; no means of signed errors, which cancel, and no NaN set to zero."""
    if found.shape != truth.shape:
        return Difference(np.inf, np.inf, float(np.abs(truth).max(initial=0.0)))
    found, truth = found.reshape(-1), truth.reshape(-1)
    maximum = scale = squares = 0.0
    differing = np.empty(min(truth.size, CHUNK))
    for start in range(0, truth.size, CHUNK):
        part = truth[start : start + CHUNK]
        error = differing[: part.size]
        with np.errstate(invalid="ignore"):  # infinity less infinity is NaN, which counts
            np.subtract(found[start : start + CHUNK], part, out=error, dtype=np.float64)
        # np.maximum hands NaN on, which Python's max does not.
        maximum = np.maximum(maximum, np.maximum(error.max(), -error.min()))
        scale = np.maximum(scale, np.maximum(float(part.max()), -float(part.min())))
        # No BLAS: a threaded dot product of so few elements costs more than it saves.
        squares += float(np.einsum("i,i", error, error))
    if not (np.isfinite(maximum) and np.isfinite(scale)):
        return Difference(np.inf, np.inf, float(scale))
    rms = np.sqrt(squares / max(truth.size, 1))
    return Difference(abs(float(maximum)), float(rms), abs(float(scale)))  # -0.0 is 0
