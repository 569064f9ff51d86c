"""Weights and inputs for a comparison of any net: nothing at its default, nothing symmetric."""

from collections.abc import Mapping

import numpy as np

from verify.numerics.probes import probe_variables

# What `verify.numerics.probes` calls variables that other originals have under these names.
KNOWN_AS = {"mean": "moving_mean", "variance": "moving_variance", "biases": "bias"}


def probe_weights(
    weights: Mapping[str, np.ndarray], seed: int, depthwise: frozenset[str] = frozenset()
) -> dict[str, np.ndarray]:
    """Seeded weights in the place of `weights`, as `probe_variables` draws them.

    `depthwise` are the names of depthwise kernels that are not called so.
    """
    names = {name: _known_as(name, name in depthwise) for name in weights}
    drawn = probe_variables({names[name]: value.shape for name, value in weights.items()}, seed)
    return {name: drawn[names[name]] for name in weights}


def probe_input(shape: tuple[int, ...], seed: int = 0, scale: float = 1.0) -> np.ndarray:
    """Numbers in [0, `scale`], float32: noise on ramps that differ along every axis."""
    draw = np.random.default_rng((seed, *shape))
    weights = np.linspace(0.5, 1, len(shape))
    ramps = np.zeros(shape)
    for axis, (size, weight) in enumerate(zip(shape, weights / weights.sum(), strict=True)):
        along = [size if other == axis else 1 for other in range(len(shape))]
        ramps += weight * np.linspace(0, 1, size).reshape(along)
    return (scale * (0.6 * ramps + 0.4 * draw.random(shape))).astype(np.float32)


def _known_as(name: str, is_depthwise: bool) -> str:
    layer, _, base = name.rpartition("/")
    return f"{layer}/{'depthwise_kernel' if is_depthwise else KNOWN_AS.get(base, base)}"
