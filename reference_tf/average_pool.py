"""Average pooling whose gradient is right in float64 too."""

from typing import Any

import tensorflow as tf

Tensor = Any


def average_pool(x: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """`tf.nn.avg_pool2d` of `x` `[N, H, W, C]` with SAME padding, written out.

    The gradient that TensorFlow's float64 kernel gives is not that of its averages where a window
    is larger than the input (tensorflow/tensorflow#48773, closed unmended); the one in float32,
    oneDNN's, is. Written out, no window is larger than what it slides over.
    """
    padding = [(0, 0), *map(_padding, x.shape[1:3], kernel, stride), (0, 0)]

    def sums(values: Tensor) -> Tensor:
        padded = tf.pad(values, padding)
        means = tf.nn.avg_pool2d(padded, ksize=kernel, strides=stride, padding="VALID")
        return means * (kernel[0] * kernel[1])

    return sums(x) / sums(tf.ones((1, *x.shape[1:3], 1), x.dtype))


def _padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
