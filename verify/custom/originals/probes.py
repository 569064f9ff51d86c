"""Weights and inputs for a comparison of any net: nothing at its default, nothing symmetric."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import numpy as np

from verify.numerics.probes import probe_variables

# What variables are for whose names say so; of others, values and use must tell.
NAMED_BY_KERAS = frozenset(
    "kernel depthwise_kernel pointwise_kernel recurrent_kernel embeddings gamma beta bias "
    "moving_mean moving_variance mean variance biases".split()
)
# What `verify.numerics.probes` calls variables that other originals have under these names.
KNOWN_AS = {"mean": "moving_mean", "variance": "moving_variance", "biases": "bias"}


def probe_weights(
    weights: Mapping[str, np.ndarray],
    seed: int,
    depthwise: AbstractSet[str] = frozenset(),
    trainable: AbstractSet[str] | None = None,
) -> dict[str, np.ndarray]:
    """Seeded weights in the place of `weights`, as `probe_variables` draws them.

    Args:
        weights: by name, as they are; what is nowhere negative stays so, as a variance must.
        seed: of what is drawn.
        depthwise: the names of depthwise kernels that are not called so.
        trainable: the names of what gradients change; the others are statistics. None: not known.
    """
    return {
        name: _drawn(name, value, seed, name in depthwise, trainable is None or name in trainable)
        for name, value in weights.items()
    }


def _drawn(
    name: str, value: np.ndarray, seed: int, is_depthwise: bool, is_trained: bool
) -> np.ndarray:
    layer, _, base = name.rpartition("/")
    known = f"{layer}/{'depthwise_kernel' if is_depthwise else KNOWN_AS.get(base, base)}"
    if base in NAMED_BY_KERAS and value.ndim > 0:
        return probe_variables({known: value.shape}, seed)[known]
    is_vector = value.ndim < 2 or not is_trained
    if "var" in base.lower().split("_") or (is_vector and value.min() >= 0 < value.max()):
        kind = "moving_variance"
    elif not is_trained:
        kind = "moving_mean"
    else:
        kind = "kernel"
    return probe_variables({f"{name}/{kind}": value.shape}, seed)[f"{name}/{kind}"]


def probe_input(shape: tuple[int, ...], seed: int = 0, scale: float = 1.0) -> np.ndarray:
    """Numbers in [0, `scale`], float32: noise on ramps that differ along every axis."""
    draw = np.random.default_rng((seed, *shape))
    weights = np.linspace(0.5, 1, len(shape))
    ramps = np.zeros(shape)
    for axis, (size, weight) in enumerate(zip(shape, weights / weights.sum(), strict=True)):
        along = [size if other == axis else 1 for other in range(len(shape))]
        ramps += weight * np.linspace(0, 1, size).reshape(along)
    return (scale * (0.6 * ramps + 0.4 * draw.random(shape))).astype(np.float32)
