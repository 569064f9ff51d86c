"""Convolutions and pools pad as TensorFlow's SAME does, for every size, kernel and stride."""

import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import nn

from port.layers import SpatialPool, TemporalConv, TemporalPool
from port.layers.conv import Conv2d, DepthwiseConv2d

KERNELS, STRIDES = range(1, 8), range(1, 5)
# Every size from 1 to 8 once, as a height or as a width; time knows one axis alone.
OBLONGS = [(1, 8), (7, 2), (3, 6), (5, 4)]
FRAMES = range(1, 9)
TF_POOLS = {"maxpool": tf.nn.max_pool2d, "avgpool": tf.nn.avg_pool2d}


def run(module: nn.Module, x_nhwc: Any) -> np.ndarray:
    with torch.inference_mode():
        y = module.double()(torch.from_numpy(np.array(x_nhwc)).permute(0, 3, 1, 2))
    return y.permute(0, 2, 3, 1).numpy()


def below_zero(*shape: int) -> Any:
    """Values among which a zero of the padding would be the maximum, and would move a mean."""
    return tf.constant(-1 - np.random.RandomState(0).rand(*shape))


def set_weight(module: nn.Module, weight: np.ndarray) -> None:
    module.weight = nn.Parameter(torch.from_numpy(weight))


@pytest.mark.parametrize(("kernel", "stride"), itertools.product(KERNELS, STRIDES))
def test_space_is_padded_as_in_tensorflow(kernel: int, stride: int) -> None:
    random, square, strides = np.random.RandomState(1), (kernel, kernel), (stride, stride)
    conv_weight, depthwise_weight = random.randn(*square, 2, 3), random.randn(*square, 2, 1)
    conv, depthwise = Conv2d(2, 3, square, strides), DepthwiseConv2d(2, kernel, stride)
    set_weight(conv, conv_weight.transpose(3, 2, 0, 1))
    set_weight(depthwise, depthwise_weight.transpose(2, 3, 0, 1))
    for size in OBLONGS:
        x = below_zero(2, *size, 2)
        expected = {
            conv: tf.nn.conv2d(x, conv_weight, strides, "SAME"),
            depthwise: tf.nn.depthwise_conv2d(x, depthwise_weight, (1, *strides, 1), "SAME"),
        }
        for kind, pool in TF_POOLS.items():
            expected[SpatialPool(kind, kernel, stride)] = pool(x, square, strides, "SAME")
        for module, wanted in expected.items():
            np.testing.assert_allclose(run(module, x), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("kernel", "stride"), itertools.product(KERNELS, STRIDES))
def test_time_is_padded_as_in_tensorflow(kernel: int, stride: int) -> None:
    weight = np.random.RandomState(1).randn(kernel, 1, 2, 3)
    for frames in FRAMES:
        x = below_zero(2, frames, 2, 3, 2)  # batch, frames, height, width, channels
        in_time = tf.reshape(x, (2, frames, 6, 2))
        window, strides = (kernel, 1), (stride, 1)
        conv = TemporalConv(2, 3, kernel, stride, frames)
        set_weight(conv, weight.transpose(3, 2, 0, 1))
        expected = {conv: tf.nn.conv2d(in_time, weight, strides, "SAME")}
        for kind, pool in TF_POOLS.items():
            expected[TemporalPool(kind, kernel, stride, frames)] = pool(
                in_time, window, strides, "SAME"
            )
        for module, wanted in expected.items():
            found = run(module, tf.reshape(x, (-1, 2, 3, 2)))
            wanted = wanted.numpy().reshape(-1, 2, 3, wanted.shape[-1])
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
