"""The original's layers on plain TensorFlow ops, each with a tap behind it.

Variables get the names that `tf.layers` of TensorFlow 1 gave them: the layer's class, made unique
in its variable scope. Everything is NHWC; frames of one clip are adjacent in N.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from reference_tf import batch_norm
from reference_tf.average_pool import average_pool

v1 = tf.compat.v1
Tensor = Any  # TensorFlow ships no types

HARD_SWISH_SCALE = np.float32(1 / 6)


@dataclass(frozen=True)
class Tap:
    """A layer's `output`, and `fed`, what the layers behind it read: the same unless it is fed.

    Feeding `fed` and fetching `output` runs layers apart from one another.
    """

    output: Tensor
    fed: Tensor


@dataclass(frozen=True)
class DropoutInputs:
    """What dropout reads: the features that are `kept`, and their probability to be."""

    kept: Tensor
    keep_probability: Tensor


class Layers:
    """Adds layers to the current graph and variable scope, and collects their taps.

    `dtype` is `tf.float32` or `tf.float64`. In `training`, batch norm takes the batch's own
    statistics, `moved` maps each moving statistic's name to its value after one update, and
    `dropout_inputs` is what switches dropout on, once the head is built.
    """

    def __init__(self, dtype: Any, training: bool = False) -> None:
        self.dtype, self.training = dtype, training
        self.taps: dict[str, Tap] = {}
        self.moved: dict[str, Tensor] = {}
        self.dropout_inputs: DropoutInputs | None = None

    def tap(self, name: str, output: Tensor) -> Tensor:
        """Put a tap called `name`, in the current scope, behind `output`; return what it feeds."""
        scope = v1.get_variable_scope().name
        full = f"{scope}/{name}" if scope else name
        base, count = full, 0
        while full in self.taps:
            count += 1
            full = f"{base}_{count}"
        fed = v1.placeholder_with_default(output, output.shape)
        self.taps[full] = Tap(output, fed)
        return fed

    def conv(
        self,
        x: Tensor,
        width: int,
        kernel: tuple[int, int] = (1, 1),
        stride: tuple[int, int] = (1, 1),
        bias: bool = False,
        reshape: Callable[[Tensor], Tensor] = tf.identity,
    ) -> Tensor:
        """`tf.layers.conv2d` with SAME padding: `[N, H, W, C]` to `[N, H', W', width]`.

        `reshape` brings the output into the shape that the tap is to have.
        """
        shape = (*kernel, x.shape[-1], width)
        with v1.variable_scope(None, default_name="conv2d") as scope:
            weights = self._variable("kernel", shape, _variance_scaling(np.prod(shape[:3])))
            y = tf.nn.conv2d(x, weights, strides=stride, padding="SAME")
            if bias:
                y = tf.nn.bias_add(y, self._variable("bias", (width,), v1.zeros_initializer()))
        return self.tap(_last(scope), reshape(y))

    def depthwise(self, x: Tensor, kernel: int, stride: int) -> Tensor:
        """Depthwise convolution with a bare variable: the scope gets no layer's name."""
        shape = (kernel, kernel, x.shape[-1], 1)
        initializer = _variance_scaling(np.prod(shape[:3]))
        weights = self._variable("depthwise_kernel", shape, initializer)
        y = tf.nn.depthwise_conv2d(x, weights, strides=(1, stride, stride, 1), padding="SAME")
        return self.tap("depthwise_conv2d", y)

    def batch_norm(self, x: Tensor) -> Tensor:
        """`tf.layers.batch_normalization`, fused."""
        width = (x.shape[-1],)
        with v1.variable_scope(None, default_name="batch_normalization") as scope:
            gamma = self._variable("gamma", width, v1.ones_initializer())
            beta = self._variable("beta", width, v1.zeros_initializer())
            mean = self._variable("moving_mean", width, v1.zeros_initializer(), trainable=False)
            variance = self._variable(
                "moving_variance", width, v1.ones_initializer(), trainable=False
            )
            if self.training:
                y, batch_mean, batch_variance = batch_norm.normalize_batch(x, gamma, beta)
                self.moved[mean.op.name] = batch_norm.moved(mean, batch_mean)
                self.moved[variance.op.name] = batch_norm.moved(variance, batch_variance)
            else:
                y = batch_norm.normalize(x, gamma, beta, mean, variance)
        return self.tap(_last(scope), y)

    def activation(self, x: Tensor, kind: str) -> Tensor:
        """`relu` or `hswish`."""
        return self.tap(kind, activate(x, kind))

    def pool(
        self, x: Tensor, kind: str, kernel: tuple[int, int], stride: tuple[int, int]
    ) -> Tensor:
        """`maxpool` or `avgpool` with SAME padding, which TensorFlow leaves out of averages."""
        if kind == "avgpool" and self.training and self.dtype == tf.float64:
            return average_pool(x, kernel, stride)
        op = {"maxpool": tf.nn.max_pool2d, "avgpool": tf.nn.avg_pool2d}[kind]
        return op(x, ksize=kernel, strides=stride, padding="SAME")

    def dropout(self, x: Tensor) -> Tensor:
        """Inverted dropout in training, off until it is fed; nothing at inference."""
        if not self.training:
            return x
        kept = v1.placeholder_with_default(tf.ones(x.shape, tf.bool), x.shape)
        keep_probability = v1.placeholder_with_default(tf.ones((), x.dtype), ())
        self.dropout_inputs = DropoutInputs(kept, keep_probability)
        return tf.where(kept, x / keep_probability, tf.zeros_like(x))

    def dense(self, x: Tensor, width: int) -> Tensor:
        """`tf.layers.dense` over the last axis."""
        with v1.variable_scope(None, default_name="dense") as scope:
            shape = (x.shape[-1], width)
            weights = self._variable("kernel", shape, v1.random_normal_initializer(stddev=0.01))
            bias = self._variable("bias", (width,), v1.zeros_initializer())
            y = tf.tensordot(x, weights, 1) + bias
        return self.tap(_last(scope), y)

    def _variable(
        self, name: str, shape: tuple[int, ...], initializer: Any, trainable: bool = True
    ) -> Tensor:
        return v1.get_variable(
            name, shape, self.dtype, initializer, trainable=trainable, use_resource=True
        )


def activate(x: Tensor, kind: str) -> Tensor:
    """ReLU, or hard-swish with a sixth as float32 has it."""
    if kind == "relu":
        return tf.nn.relu(x)
    return x * tf.nn.relu6(x + 3) * tf.cast(HARD_SWISH_SCALE, x.dtype)


def _variance_scaling(fan_in: int) -> Any:
    """`contrib.layers.variance_scaling_initializer`: factor 2, fan-in, cut at two sigmas."""
    return v1.truncated_normal_initializer(stddev=float(np.sqrt(1.3 * 2 / fan_in)))


def _last(scope: Any) -> str:
    """The scope's own name, without the scopes around it; a tap is put outside of it."""
    return str(scope.name.rpartition("/")[2])
