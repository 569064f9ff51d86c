"""Weights and inputs that tell functions apart: nothing at its default, nothing symmetric."""

import zlib
from collections.abc import Mapping

import numpy as np


def probe_variables(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Seeded weights; batch-norm scale, shift, mean and variance are far from 1, 0, 0 and 1.

    Each variable draws from a generator of its own, so that one more variable changes no other.
    Kernels are scaled to keep magnitudes level through the net.
    """
    return {name: _variable(name, shape, seed) for name, shape in shapes.items()}


def _variable(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    draw = np.random.default_rng((seed, zlib.crc32(name.encode())))
    match name.rpartition("/")[2]:
        case "gamma":
            values = draw.uniform(0.5, 1.5, shape)
            values[_sentinels(name, seed, shape[0])[0]] = 4
        case "beta":
            values = draw.normal(0, 0.1, shape)
            values[_sentinels(name, seed, shape[0])[1]] = 8
        case "moving_variance":
            values = draw.uniform(0.5, 1.5, shape)
        case "moving_mean" | "bias":
            values = draw.normal(0, 0.1, shape)
        case "depthwise_kernel":
            values = draw.normal(0, np.sqrt(2 / np.prod(shape[:2])), shape)
        case _:
            gain = 2 if len(shape) == 4 else 1
            values = draw.normal(0, np.sqrt(gain / np.prod(shape[:-1])), shape)
    return values.astype(np.float32)


def _sentinels(name: str, seed: int, channels: int) -> tuple[int, int]:
    """Two channels of a batch norm: one that spreads wide, one that is shifted far up.

    Without them no value might reach the cap of a hard-swish, or the six at which a ReLU6 in place
    of a ReLU shows. Neither is always negative: behind a ReLU that channel would be dead, and
    hide whatever is wrong with the weights that read it.
    """
    layer = name.rpartition("/")[0]
    draw = np.random.default_rng((seed, zlib.crc32(layer.encode())))
    first, *_, last = draw.permutation(channels) if channels > 1 else (0, 0)
    return int(first), int(last)


def probe_video(batch: int, frames: int, height: int, width: int, seed: int) -> np.ndarray:
    """Clips `[batch, frames, height, width, 3]` in [0, 1], float32.

    Noise on ramps that differ along every axis: flips, shifts and swaps of time, space, colour
    or clips all show.
    """
    draw = np.random.default_rng((seed, batch, frames, height, width))
    shape = (batch, frames, height, width, 3)
    ramps = sum(
        weight * np.linspace(0, 1, size).reshape([-1 if a == axis else 1 for a in range(5)])
        for axis, (size, weight) in enumerate(zip(shape, (0.1, 0.2, 0.1, 0.15, 0.25), strict=True))
    )
    return (0.8 * ramps + 0.36 * draw.random(shape)).astype(np.float32)
