"""How a layer's error is spread over its elements, and where it is: for a picture of it."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

# Elements whose errors are counted in units in the last place: enough for a histogram's shape.
SAMPLE = 1 << 16
# Bins of the histogram: under 1/2, under 1, under 2, … and the last for all that is larger.
BINS = 26
# Cells of the map along each axis, and of the profile along one. Each holds the largest error.
CELLS, LONG = 16, 48


@dataclass(frozen=True, slots=True)
class ErrorMap:
    """One layer's error by itself.

    `port_ulps` and `original_ulps` count elements by their error in float32, in units in the last
    place of the truth: under 1/2, under 1, under 2, under 4 and so on. `grid` has the port's
    largest errors along the two `axes`, `profile` those along `axis`, as shares of the layer's
    largest magnitude; in `precision`, which is float64 where that differs too.
    """

    port_ulps: tuple[int, ...]
    original_ulps: tuple[int, ...]
    precision: str
    axes: tuple[int, ...]
    grid: tuple[tuple[float, ...], ...]
    axis: int | None
    profile: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def error_map(
    port: np.ndarray, original: np.ndarray, truth: np.ndarray, exact: np.ndarray | None = None
) -> ErrorMap | None:
    """Where an error is; None where arrays have other shapes or hold whole numbers.

    Args:
        port: what the port computed in float32.
        original: what the original did.
        truth: the original in float64.
        exact: what the port computed in float64, if the map shall be of that.
    """
    shown = port if exact is None else exact
    if not (port.shape == original.shape == shown.shape == truth.shape):
        return None
    if truth.dtype.kind != "f" or truth.size == 0:
        return None
    whole = truth.reshape((1,) * max(0, 2 - truth.ndim) + truth.shape)
    first, rest = whole.shape[0], whole.ndim
    # Images have rows and columns before their channels; sequences and rows of numbers do not.
    axes = (rest - 3, rest - 2) if rest > 3 else (rest - 2, rest - 1)
    axis = rest - 1 if rest > 3 else None
    grid = np.zeros([whole.shape[a] for a in axes])
    profile = np.zeros(whole.shape[-1])
    shown = shown.reshape(whole.shape)
    with np.errstate(invalid="ignore"):
        for item in range(first) if rest > 2 else [slice(None)]:  # no copy of a whole tap
            error = np.abs(shown[item] - whole[item])
            error = error.reshape(-1, *[whole.shape[a] for a in range(axes[0], rest)])
            over = (0, 3) if axis is not None else 0
            np.maximum(grid, error.max(over), out=grid)
            if axis is not None:
                np.maximum(profile, error.max((0, 1, 2)), out=profile)
    scale = float(np.abs(whole).max())
    return ErrorMap(
        port_ulps=_histogram(port, truth),
        original_ulps=_histogram(original, truth),
        precision="float32" if exact is None else "float64",
        axes=tuple(a - (rest - truth.ndim) for a in axes if a >= rest - truth.ndim),
        grid=tuple(_shares(row, scale) for row in _coarse(_coarse(grid, 0, CELLS), 1, CELLS)),
        axis=axis,
        profile=_shares(_coarse(profile, 0, LONG), scale) if axis is not None else (),
    )


def _histogram(found: np.ndarray, truth: np.ndarray) -> tuple[int, ...]:
    """Of elements in even steps; odd ones, or each would be of the same few channels."""
    step = max(1, truth.size // SAMPLE) | 1
    found, truth = found.reshape(-1)[::step], truth.reshape(-1)[::step]
    with np.errstate(invalid="ignore", over="ignore"):
        unit = np.spacing(np.abs(truth).astype(np.float32)).astype(np.float64)
        errors = np.abs(found.astype(np.float64) - truth) / unit
    errors[~np.isfinite(errors)] = np.inf
    exponent = np.where(np.isinf(errors), BINS, np.frexp(errors)[1])
    exponent[errors == 0] = -1
    counts = np.bincount(np.clip(exponent + 1, 0, BINS - 1), minlength=BINS)
    return tuple(int(count) for count in counts)


def _coarse(values: np.ndarray, axis: int, most: int) -> np.ndarray:
    """At most so many along an axis, each the largest of its neighbours."""
    size = values.shape[axis]
    if size <= most:
        return values
    starts = np.arange(most) * size // most
    return np.maximum.reduceat(values, starts, axis)


def _shares(values: np.ndarray, scale: float) -> tuple[float, ...]:
    """Of the largest magnitude, in three digits."""
    return tuple(float(f"{v / scale:.2e}") if scale else float(v > 0) for v in values)
