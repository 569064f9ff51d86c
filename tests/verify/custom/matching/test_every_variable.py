"""Every variable of an original is in the port, or excepted by name, or the port is refused."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from keras import layers
from torch import Tensor, nn

import verify
from port.errors import InputError
from tests.verify.custom.matched import matching_of
from verify.custom import KerasModel, port_spec, probe_input
from verify.custom.originals.probes import probe_weights

ROWS = probe_input((3, 6))


class Scaled(keras.Model):
    """Has a weight of its own, behind its layer."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.dense = layers.Dense(6, name="dense")
        self.scale = self.add_weight(shape=(6,), initializer="ones", name="scale", **options)

    def call(self, x: object) -> object:
        return self.dense(x) * self.scale


def called(made: Callable[[], keras.Model], width: int = 6) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        model = made()
        model(np.zeros((1, width)))
        return model

    return build


class WithoutScale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(x)


class WithScale(WithoutScale):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(6))

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(x) * self.scale


class Scale(nn.Module):
    """A module of another name and its tensor, too."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(6))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


def test_a_weight_of_the_model_itself_is_seeded_and_must_be_somewhere() -> None:
    original = KerasModel(called(Scaled), seed=0)
    assert set(original.variables) == {"scale", "dense/kernel", "dense/bias"}
    assert not (original.variables["scale"] == 1).any()
    with pytest.raises(InputError, match="the original's scale"):
        port_spec("without", original, WithoutScale(), ROWS)
    excepted = port_spec("excepted", original, WithoutScale(), ROWS, without=["scale"])
    assert not verify.compare_layers(excepted).passed
    spec = port_spec("with", original, WithScale(), ROWS)
    assert matching_of(spec).weights["scale"] == "scale (c -> c)"
    report = verify.verify(spec, "training")
    assert report.passed, report.first_failure
    assert "gradient/scale" in [value.name for value in report.further["training"].values]  # type: ignore[attr-defined]


def test_it_is_found_in_a_module_of_any_name() -> None:
    port = nn.Sequential(nn.Linear(6, 6), Scale())
    spec = port_spec("module", KerasModel(called(Scaled), seed=0), port, ROWS)
    assert matching_of(spec).weights["scale"] == "1.weight (c -> c)"
    assert verify.compare_layers(spec).passed


def test_a_nested_model_and_a_layer_of_layers_have_weights_of_their_own() -> None:
    class Residual(layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="residual")
            self.inner = Scaled(trainable=False)
            self.gain = self.add_weight(shape=(), initializer="zeros", name="gain")

        def call(self, x: Any) -> Any:
            return x + self.gain * self.inner(x)

    class Port(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.gain = WithScale(), nn.Parameter(torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            return x + self.gain * self.inner(x)

    original = KerasModel(called(lambda: keras.Sequential([Residual()])), seed=0)
    assert {"residual/gain", "residual/scaled/scale"} <= original.variables.keys()
    assert original.variables["residual/gain"] not in (0, 1)
    spec = port_spec("nested", original, Port(), ROWS)
    assert {row.partition(" ")[0] for row in matching_of(spec).weights.values()} == {
        "gain", "inner.scale", "inner.dense.weight", "inner.dense.bias"
    }  # fmt: skip
    assert verify.compare_layers(spec).passed


class Twins(keras.Model):
    """Two layers of one name, two weights of one name, and a variable of TensorFlow's own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (layers.Dense(6, name="dense", use_bias=False) for _ in range(2))
        self.a, self.b = (self.add_weight(shape=(6,), name="w") for _ in range(2))
        self.plain = [tf.Variable(np.ones(6, keras.config.floatx()), name="plain")]

    def call(self, x: Any) -> Any:
        return self.second(self.first(x) * self.a + self.b) * self.plain[0]


def test_no_name_hides_another() -> None:
    original = KerasModel(called(Twins), seed=0)
    names = {"dense/kernel", "dense~2/kernel", "w", "w~2", "plain"}
    assert original.variables.keys() == names

    class Port(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = (nn.Linear(6, 6, bias=False) for _ in range(2))
            self.a, self.b, self.plain = (nn.Parameter(torch.ones(6)) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x) * self.a + self.b) * self.plain

    spec = port_spec("twins", original, Port(), ROWS)
    assert matching_of(spec).weights.keys() == names
    assert verify.compare_layers(spec).passed


def test_weights_that_are_made_by_the_first_call_are_refused() -> None:
    with pytest.raises(InputError, match="call it once inside the function"):
        port_spec("late", KerasModel(Scaled, seed=0), WithScale(), ROWS)


def test_tied_weights_are_one_variable() -> None:
    class Tied(layers.Layer):
        def __init__(self, first: layers.Dense) -> None:
            super().__init__(name="tied")
            self.first = first
            self.kernel = first.kernel

        def call(self, x: Any) -> Any:
            return keras.ops.matmul(x, keras.ops.transpose(self.kernel))

    def build() -> keras.Model:
        first = layers.Dense(6, use_bias=False, name="first")
        first.build((None, 6))
        return keras.Sequential([layers.Input((6,)), first, Tied(first)])

    class Port(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(6, 6, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.linear(self.first(x), self.first.weight.T)

    original = KerasModel(build, seed=0)
    assert original.variables.keys() == {"first/kernel"}
    spec = port_spec("tied", original, Port(), ROWS)
    assert verify.compare_layers(spec).passed


@pytest.mark.parametrize("name", ["moving_var", "running_var", "spread", "sigma2", "variance"])
def test_what_must_be_positive_stays_positive_whatever_it_is_called(name: str) -> None:
    drawn = probe_weights({f"norm/{name}": np.ones(500, np.float32)}, 0, trainable=set())
    assert (drawn[f"norm/{name}"] > 0).all()


@pytest.mark.parametrize("shape", [(), (1,), (7,), (1, 1, 4), (3, 4), (2, 2, 3, 4)])
@pytest.mark.parametrize("fill", [0.0, 1.0])
@pytest.mark.parametrize("trainable", [None, {"a/b"}, set()])
def test_no_default_is_left(shape: tuple[int, ...], fill: float, trainable: set[str]) -> None:
    for base in ("scale", "gamma", "beta", "kernel", "bias", "mean", "variance", "alpha", "b"):
        name = f"a/{base}"
        drawn = probe_weights({name: np.full(shape, fill, np.float32)}, 0, trainable=trainable)
        assert drawn[name].shape == shape
        assert not np.isin(drawn[name], (0, 1)).any()
