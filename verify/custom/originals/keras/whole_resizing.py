"""Resizing of images in float64, which TensorFlow's kernels do in float32 alone.

Each axis is resized by a matrix `[to, from]` of the weights that TensorFlow's kernels give to what
they read.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from verify.runners.tensorflow import import_tensorflow

Kernel = Callable[[np.ndarray], np.ndarray]
# How finely TensorFlow tabulates the weights of its bicubic kernel.
TABLE = 1024


def resize(images: Any, size: tuple[int, int], method: str, antialias: bool) -> Any | None:
    """Images `[..., h, w, c]` at `size`; None of a method that is not known here."""
    tf = import_tensorflow()
    height, width = (
        _matrix(method, int(images.shape[axis]), to, antialias)
        for axis, to in zip((-3, -2), size, strict=True)
    )
    if height is None or width is None:
        return None
    rows, columns = (tf.constant(each, images.dtype) for each in (height, width))
    return tf.einsum("yh,...hwc,xw->...yxc", rows, images, columns)


def _matrix(method: str, size: int, to: int, antialias: bool) -> np.ndarray | None:
    if antialias or method in ("lanczos3", "lanczos5"):
        return _by_kernel(*KERNELS[method], size, to, antialias) if method in KERNELS else None
    return {"bilinear": _bilinear, "bicubic": _bicubic}.get(method, lambda *_: None)(size, to)


def _places(size: int, to: int) -> np.ndarray:
    """The middle of each pixel, in pixels of what is read."""
    return (np.arange(to) + 0.5) * (size / to)


def _bilinear(size: int, to: int) -> np.ndarray:
    places = _places(size, to) - 0.5
    floors = np.floor(places)
    lower, upper = np.maximum(floors, 0).astype(int), np.minimum(floors + 1, size - 1).astype(int)
    matrix = np.zeros((to, size))
    share, each = places - floors, np.arange(to)
    np.add.at(matrix, (each, lower), 1 - share)
    np.add.at(matrix, (each, upper), share)
    return matrix


def _bicubic(size: int, to: int) -> np.ndarray:
    """Weights come from a table, so between its entries they are another function's by 1e-3."""
    scale = np.float32(size) / np.float32(to)
    places = (np.arange(to, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    floors = np.floor(places)
    shares = np.rint((places - floors) * np.float32(TABLE)).astype(np.float64) / TABLE
    nearest = floors[:, None].astype(int) + np.arange(-1, 3)
    weights = _keys(np.arange(-1, 3) - shares[:, None])
    return _normed(nearest, weights, size)


def _by_kernel(kernel: Kernel, radius: float, size: int, to: int, antialias: bool) -> np.ndarray:
    """Weights by the distance from the middle of a pixel, out to `radius`."""
    stretch = max(size / to, 1.0) if antialias else 1.0
    places = _places(size, to)
    first = np.ceil(places - radius * stretch - 0.5)
    last = np.floor(places + radius * stretch - 0.5)
    nearest = np.broadcast_to(np.arange(size), (to, size))
    weights = kernel((nearest + 0.5 - places[:, None]) / stretch)
    inside = (nearest >= first[:, None]) & (nearest <= last[:, None])
    return _normed(nearest, np.where(inside, weights, 0), size)


def _normed(nearest: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    """What lies outside of the image does not count; the rest counts as one."""
    weights = np.where((nearest >= 0) & (nearest < size), weights, 0)
    matrix = np.zeros((len(nearest), size))
    rows = np.broadcast_to(np.arange(len(nearest))[:, None], nearest.shape)
    np.add.at(matrix, (rows, nearest.clip(0, size - 1)), weights)
    return matrix / matrix.sum(1, keepdims=True)


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


def _keys(x: np.ndarray) -> np.ndarray:
    """Keys' cubic, whose second derivative at the ends is a half."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(radius: int) -> Kernel:
    return lambda x: np.where(np.abs(x) < radius, np.sinc(x) * np.sinc(x / radius), 0)


KERNELS: Mapping[str, tuple[Kernel, float]] = {
    "bilinear": (_triangle, 1.0),
    "bicubic": (_keys, 2.0),
    "lanczos3": (_lanczos(3), 3.0),
    "lanczos5": (_lanczos(5), 5.0),
}
