"""Bilinear resizing: TensorFlow's own op in float32, the same arithmetic in float64."""

from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any


def resize_bilinear(frames: Tensor, size: int) -> Tensor:
    """`[N, H, W, C]` to `[N, size, size, C]`: half-pixel centres, no antialiasing.

    `tf.image.resize` answers in float32 whatever it is given, and computes positions in it.
    """
    if frames.dtype != tf.float64:
        return tf.image.resize(frames, (size, size))
    for axis in (1, 2):
        frames = _resize_axis(frames, axis, size)
    return frames


def _resize_axis(x: Tensor, axis: int, size: int) -> Tensor:
    old = int(x.shape[axis])
    position = (np.arange(size) + 0.5) * (old / size) - 0.5
    lower = np.floor(position)
    weight = (position - lower).reshape([-1 if a == axis else 1 for a in range(4)])
    below = tf.gather(x, np.clip(lower, 0, old - 1).astype(int), axis=axis)
    above = tf.gather(x, np.clip(lower + 1, 0, old - 1).astype(int), axis=axis)
    return below + (above - below) * weight
