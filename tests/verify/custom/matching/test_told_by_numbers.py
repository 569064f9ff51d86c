"""Places that numbers alone tell: a right port never fails by where they were taken to be."""

from dataclasses import replace

import keras
import torch
from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

import verify
from tests.verify.custom.matched import matching_of
from verify.custom import KerasModel, port_spec, probe_input

VECTORS = probe_input((4, 6))


def ends_in_a_norm() -> keras.Model:
    """A model inside, the output of which is its last layer's."""
    inner = keras.Sequential(
        [layers.Input((6,)), layers.Dense(6, name="dense"), layers.LayerNormalization(name="norm")],
        name="inner",
    )
    x = image = layers.Input((6,))
    x = layers.Dropout(0.5, name="dropout")(inner(x))
    return keras.Model(image, layers.Dense(3, name="classes")(x))


def one_tanh() -> keras.Model:
    """Two layers read what is computed once."""
    x = image = layers.Input((6,))
    x = layers.Activation("tanh", name="tanh")(layers.Dense(6, name="dense")(x))
    left, right = layers.Dense(3, name="left")(x), layers.Dense(3, name="right")(x)
    return keras.Model(image, layers.Multiply(name="product")([left, right]))


class Norm(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class Body(nn.Module):
    """It drops out inside, where the original does it behind the inner model."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.norm, self.drop = nn.Linear(6, 6), Norm(6, eps=1e-3), nn.Dropout()

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.norm(self.dense(x)))


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.classes = Body(), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.inner(x))


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense, self.left, self.right = nn.Linear(6, 6), nn.Linear(6, 3), nn.Linear(6, 3)

    def again(self, x: Tensor) -> Tensor:
        return torch.tanh(x)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dense(x)
        return self.left(torch.tanh(x)) * self.right(self.again(x))


class WrongOnce(Twice):
    def again(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)


def test_what_an_inner_model_ends_in_is_not_the_operation_inside_its_last_layer() -> None:
    spec = port_spec("normed", KerasModel(ends_in_a_norm, seed=0), Normed(), VECTORS)
    taps = matching_of(spec).taps
    assert taps["inner/norm"].startswith("inner.norm ")
    report = verify.compare_layers(replace(spec, guessed={}))
    assert report.passed, report.first_failure


def test_what_is_computed_twice_is_not_compared_where_the_original_does_it_once() -> None:
    original = KerasModel(one_tanh, seed=0)
    spec = port_spec("twice", original, Twice(), VECTORS)
    assert "tanh" in matching_of(spec).taps["tanh"]
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    assert report.about.matching is not None
    assert "what is another layer's as well" in report.about.matching.not_compared["tanh"]
    kept = verify.compare_layers(replace(spec, guessed={}))
    assert kept.first_failure == "right"  # or else the test would show nothing


def test_a_wrong_one_of_two_fails() -> None:
    spec = port_spec("wrong", KerasModel(one_tanh, seed=0), WrongOnce(), VECTORS)
    assert not verify.compare_layers(spec).passed
