"""What `reference_tf` writes out in float64 is what TensorFlow's own float32 operations compute.

TensorFlow has no fused batch norm in float64, and its resizing answers in float32 alone. There
the truth that both sides are held to is arithmetic of this project, so it is held to TensorFlow.
"""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from reference_tf.layers import Layers
from reference_tf.resize import resize_bilinear
from tests import recipe

v1 = tf.compat.v1
FLOAT32_EPS = np.finfo(np.float32).eps
STATISTICS = ("gamma", "beta", "moving_mean", "moving_variance")


@pytest.mark.parametrize("variance_scale", [1.0, 1e-5], ids=["usual variance", "epsilon matters"])
def test_batch_norm_is_the_fused_one(variance_scale: float) -> None:
    width = 16
    values = recipe.weights({f"norm/{name}": (width,) for name in STATISTICS})
    values["norm/moving_variance"] *= np.float32(variance_scale)
    x = np.random.RandomState(0).randn(2, 5, 7, width).astype(np.float32)
    single, double = (batch_norm(x, values, dtype) for dtype in (tf.float32, tf.float64))
    # A few roundings of the largest term.
    np.testing.assert_allclose(single, double, rtol=0, atol=8 * FLOAT32_EPS * np.abs(double).max())


def batch_norm(x: np.ndarray, values: dict[str, np.ndarray], dtype: Any) -> np.ndarray:
    """The layer of `reference_tf` with the given statistics."""
    with tf.Graph().as_default(), v1.Session() as session:
        layers = Layers(dtype)
        layers.batch_norm(tf.constant(x, dtype))
        for variable in v1.global_variables():
            name = variable.op.name.rpartition("/")[2]
            session.run(variable.assign(values[f"norm/{name}"].astype(dtype.as_numpy_dtype)))
        ((_, tap),) = layers.taps.items()
        return session.run(tap.output)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((7, 7), 5),
        ((5, 5), 7),
        ((4, 9), 8),
        ((9, 4), 2),
        ((1, 1), 6),
        ((6, 3), 1),
        ((1, 5), 5),
        ((2, 224), 224),
        ((90, 120), 64),
    ],
)
def test_resizing_is_tensorflows(old: tuple[int, int], new: int) -> None:
    frames = np.random.RandomState(0).rand(2, *old, 3).astype(np.float32)
    own = resize_bilinear(tf.constant(frames, tf.float64), new)
    assert own.dtype == tf.float64
    theirs = tf.image.resize(frames, (new, new))
    # A position is a float32 there: off by its own rounding, which weighs neighbours by it.
    bound = 4 * FLOAT32_EPS * max(*old, 1)
    np.testing.assert_allclose(theirs.numpy(), own.numpy(), rtol=0, atol=bound)
    np.testing.assert_array_equal(resize_bilinear(tf.constant(frames), new), theirs)
