"""What TensorFlow rounds to float32 in float64, and that it is kept whole where it is compared."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from keras import layers
from torch import Tensor
from torch.nn import functional as F

from verify.custom import KerasModel
from verify.custom.originals.keras.whole_constants import whole_constants

POINTS = np.linspace(-7, 7, 1001)
ACTIVATIONS: dict[str, tuple[Callable[[tf.Tensor], tf.Tensor], Callable[[Tensor], Tensor]]] = {
    "gelu": (keras.activations.gelu, F.gelu),
    "gelu, approximate": (
        lambda x: keras.activations.gelu(x, approximate=True),
        lambda x: F.gelu(x, approximate="tanh"),
    ),
    "leaky relu": (
        lambda x: keras.activations.leaky_relu(x, negative_slope=0.3),
        lambda x: F.leaky_relu(x, 0.3),
    ),
    "rescaling": (
        lambda x: keras.layers.Rescaling(1 / 255, 0.1, dtype=x.dtype.name)(x),
        lambda x: x / 255 + 0.1,
    ),
    "celu": (keras.activations.celu, F.celu),
    "elu": (keras.activations.elu, F.elu),
    "hard sigmoid": (keras.activations.hard_sigmoid, F.hardsigmoid),
    "hard silu": (keras.activations.hard_silu, lambda x: x * F.relu6(x + 3) / 6),
    "log sigmoid": (keras.activations.log_sigmoid, F.logsigmoid),
    "mish": (keras.activations.mish, F.mish),
    "relu6": (keras.activations.relu6, F.relu6),
    "selu": (keras.activations.selu, F.selu),
    "sigmoid": (keras.activations.sigmoid, torch.sigmoid),
    "silu": (keras.activations.silu, F.silu),
    "softplus": (keras.activations.softplus, F.softplus),
    "tanh": (keras.activations.tanh, torch.tanh),
}
ROUNDED = ("gelu", "gelu, approximate", "leaky relu", "rescaling")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_the_same_function_in_float64(name: str) -> None:
    ours, theirs = ACTIVATIONS[name]
    expected = theirs(torch.from_numpy(POINTS)).numpy()
    with whole_constants():
        found = ours(tf.constant(POINTS)).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    if name in ROUNDED:
        rounded = ours(tf.constant(POINTS)).numpy()
        assert np.abs(rounded - expected).max() > 1e-10, "TensorFlow keeps it whole by now"
    with whole_constants():
        single = ours(tf.constant(POINTS, tf.float32)).numpy()
    np.testing.assert_array_equal(single, ours(tf.constant(POINTS, tf.float32)).numpy())


@pytest.mark.parametrize(("mean", "variance"), [([0.1, 0.2, 0.3], [0.7, 0.8, 0.9]), (0.1, 0.7)])
def test_given_statistics_keep_their_digits(mean: object, variance: object) -> None:
    def build() -> keras.Model:
        x = layers.Input((3,))
        return keras.Model(x, layers.Normalization(mean=mean, variance=variance)(x))

    x = np.array([[0.5, 0.6, 0.7]], np.float32)
    found = KerasModel(build).calls({"input": x})[-1].value
    wanted = (x.astype(np.float64) - np.array(mean)) / np.sqrt(np.array(variance))
    np.testing.assert_allclose(found, wanted, rtol=1e-15)
