"""Batch norm of `tf.layers.batch_normalization(fused=True)`, in inference and in training.

The fused op has no float64; there the same arithmetic is written out.
"""

from typing import Any

import tensorflow as tf

v1 = tf.compat.v1
Tensor = Any

EPSILON = 1e-5
DECAY = 0.9


def normalize(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """`x` `[N, H, W, C]` with given statistics `[C]`."""
    if x.dtype == tf.float64:
        return (x - mean) * tf.math.rsqrt(variance + EPSILON) * gamma + beta
    y, _, _ = v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, EPSILON, is_training=False)
    return y


def normalize_batch(x: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`x` `[N, H, W, C]` with its own statistics; then its mean and its variance to remember.

    It is normalised with the biased variance; the one to remember is unbiased (Bessel), except
    that of a single element, which has none: there both are zero.
    """
    if x.dtype != tf.float64:
        normalized, mean, variance = v1.nn.fused_batch_norm(x, gamma, beta, epsilon=EPSILON)
        return normalized, mean, variance
    mean = tf.reduce_mean(x, [0, 1, 2])
    centred = x - mean
    variance = tf.reduce_mean(tf.square(centred), [0, 1, 2])
    count = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), x.dtype)
    unbiased = variance * count / tf.maximum(count - 1, 1)
    return centred * (tf.math.rsqrt(variance + EPSILON) * gamma) + beta, mean, unbiased


def moved(moving: Tensor, batch: Tensor) -> Tensor:
    """A moving statistic after one update, as `assign_moving_average` computes it."""
    return moving - (moving - batch) * (1.0 - DECAY)
