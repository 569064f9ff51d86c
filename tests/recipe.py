"""Weights and inputs that anyone can make again: the golden figures' own, and more like them."""

from collections.abc import Mapping
from math import prod, sqrt
from zlib import crc32

import numpy as np


def weights(variables: Mapping[str, tuple[int, ...]], salt: str = "") -> dict[str, np.ndarray]:
    """A value for each variable, by its name and shape alone; another `salt`, other values."""
    return {name: _weight(name, tuple(shape), salt) for name, shape in variables.items()}


def video(shape: tuple[int, ...], seed: int = 2026) -> np.ndarray:
    """Values in [0, 1) that differ in every pixel, frame and colour."""
    return np.random.RandomState(seed).rand(*shape).astype(np.float32)


def _weight(name: str, shape: tuple[int, ...], salt: str) -> np.ndarray:
    random = np.random.RandomState(crc32((salt + name).encode()))
    match name.rpartition("/")[2]:
        case "gamma" | "moving_variance":
            value = random.uniform(0.5, 1.5, shape)
        case "beta" | "moving_mean" | "bias":
            value = random.normal(0, 0.1, shape)
        case "depthwise_kernel":
            value = random.normal(0, 1, shape) * sqrt(2 / prod(shape[:2]))
        case "kernel" if len(shape) == 4:
            value = random.normal(0, 1, shape) * sqrt(2 / prod(shape[:-1]))
        case "kernel":
            value = random.normal(0, 1, shape) * sqrt(1 / shape[0])
        case _:
            raise ValueError(f"no recipe for {name}")
    return value.astype(np.float32)
