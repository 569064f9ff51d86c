"""What has no float64 in TensorFlow, or asks for float32: judged in float64, and said."""

from itertools import product
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from keras import layers, ops
from torch import Tensor, nn
from torch.nn import functional as F

import verify
from port.errors import InputError
from verify.custom import KerasModel, port_spec, probe_input
from verify.custom.originals.keras import whole_pools, whole_resizing
from verify.custom.originals.keras.whole_kernels import ROUNDING, whole_kernels

SIZES = [((5, 6), (7, 9)), ((16, 3), (1, 1)), ((1, 4), (40, 37)), ((33, 20), (15, 18))]


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_a_resize_in_float64_is_the_kernels_own(method: str) -> None:
    for (size, to), antialias in product(SIZES, (False, True)):
        x = np.random.default_rng(0).normal(size=(2, *size, 3))
        theirs = tf.image.resize(x.astype(np.float32), to, method, antialias=antialias).numpy()
        ours = whole_resizing.resize(tf.constant(x), to, method, antialias)
        assert ours is not None and ours.dtype == tf.float64
        largest = np.abs(theirs).max()
        assert np.abs(ours.numpy() - theirs).max() < ROUNDING * max(16, *size) * largest


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_a_pool_in_float64_is_the_kernels_own(kind: str, padding: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 5, 3))
    for kernel, strides in ((2, 2), ([3, 2, 1], [1, 2, 3]), ([1, 3, 3, 2, 1], 1)):
        theirs = getattr(tf.nn, f"{kind}_pool")(x.astype(np.float32), kernel, strides, padding)
        ours = whole_pools.pool(tf.constant(x), kernel, strides, padding, kind == "max")
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=0, atol=1e-6)


def test_an_equivalent_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_resizing, "_bilinear", whole_resizing._bicubic)
    with whole_kernels(), pytest.raises(InputError, match="computes something else in float32"):
        tf.image.resize(tf.random.normal((1, 5, 6, 2), dtype=tf.float64), (8, 9))


class KerasNorm(layers.Layer):
    """A root mean square norm that computes in float32 on purpose."""

    def build(self, shape: tuple[int, ...]) -> None:
        self.scale = self.add_weight(shape=shape[-1:], name="scale")

    def call(self, x: Any) -> Any:
        y = ops.cast(x, "float32")
        y = y * ops.rsqrt(ops.mean(ops.square(y), -1, keepdims=True) + 1e-5)
        return ops.cast(y, x.dtype) * self.scale


class TorchNorm(nn.Module):
    """Likewise, with its epsilon as a tensor of whatever type torch gives it."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.scale, self.eps = nn.Parameter(torch.ones(6)), eps

    def forward(self, x: Tensor) -> Tensor:
        y = x.to(torch.float32)
        y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + torch.tensor(self.eps))
        return y.to(x.dtype) * self.scale


class Net(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm, self.classes = norm, nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.norm(x))


NORMS = {
    "both sides": KerasNorm,
    "the port alone": lambda name: layers.RMSNormalization(epsilon=1e-5, name=name),
}


@pytest.mark.parametrize("which", NORMS)
def test_a_norm_that_asks_for_float32_is_judged_in_both_precisions(which: str) -> None:
    def build() -> keras.Model:
        image = layers.Input((5, 6))
        return keras.Model(image, layers.Dense(2, name="classes")(NORMS[which](name="norm")(image)))

    original, x = KerasModel(build, seed=0), probe_input((2, 5, 6))
    report = verify.verify(port_spec("right", original, Net(TorchNorm(1e-5)), x), "training")
    assert report.passed, report.summary
    told = report.to_dict()["about"]["notes"]
    assert told[-1] == "norm: casts to float32 inside, which is left out in float64"
    assert len(told) == (2 if which == "both sides" else 1)
    wrong = verify.verify(port_spec("wrong", original, Net(TorchNorm(1.1e-5)), x))
    assert (wrong.passed, wrong.first_failure) == (False, "norm")


def test_the_report_says_which_layer_has_no_float64() -> None:
    class Up(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.interpolate(x, (7, 9), mode="bilinear")

    def build() -> keras.Model:
        image = layers.Input((5, 6, 3))
        return keras.Model(image, layers.Resizing(7, 9, name="up")(image))

    made = port_spec("net", KerasModel(build), Up(), probe_input((2, 5, 6, 3)))
    assert verify.compare_layers(made).passed
    (told,) = made.about.notes or ()
    assert told.startswith("up: bilinear resizes have no float64 in TensorFlow; the truth is")
