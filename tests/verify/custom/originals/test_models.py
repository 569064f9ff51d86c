"""Keras models of every origin, and layers used twice: right ports pass, wrong ones fail."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from keras import layers, ops
from torch import Tensor, nn

import verify
from port.errors import InputError
from verify.custom import KerasModel, port_spec, probe_input
from verify.reports.report import Report

ROWS, OTHERS = probe_input((3, 4)), probe_input((3, 4), seed=1)


def judged(original: KerasModel, port: nn.Module, inputs: Any = ROWS) -> Report:
    return verify.compare_layers(port_spec("net", original, port, inputs))


def plain() -> keras.Model:
    row = layers.Input((4,))
    x = layers.Dense(5, name="first")(row)
    x = layers.BatchNormalization(name="norm")(x)
    return keras.Model(row, layers.Dense(2, name="last")(ops.gelu(x, approximate=False)))


class Plain(nn.Module):
    def __init__(self, eps: float = 1e-3) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(4, 5), nn.BatchNorm1d(5, eps=eps)
        self.act, self.last = nn.GELU(), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.act(self.norm(self.first(x))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    model = plain()
    for weight in model.weights:
        weight.assign(np.random.default_rng(weight.shape.rank or 0).uniform(0.5, 1, weight.shape))
    model.save(folder / "net.keras")
    model.save_weights(folder / "net.weights.h5")
    return folder


def with_weights(folder: Path) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        model = plain()
        model.load_weights(folder / "net.weights.h5")
        return model

    return build


def inside_another(folder: Path) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        row = layers.Input((4,))
        body = keras.models.load_model(folder / "net.keras")
        body.trainable = False
        return keras.Model(row, body(row))

    return build


# A function of the folder to what `KerasModel` takes.
LOADED: dict[str, Callable[[Path], Any]] = {
    "a path": lambda folder: folder / "net.keras",
    "a path as text": lambda folder: str(folder / "net.keras"),
    "loaded in the function": lambda folder: lambda: keras.models.load_model(folder / "net.keras"),
    "weights loaded in the function": with_weights,
    "a loaded model": lambda folder: keras.models.load_model(folder / "net.keras"),
    "inside another": inside_another,
}


@pytest.mark.parametrize("how", LOADED)
def test_weights_of_a_file_are_taken_over_into_float64(folder: Path, how: str) -> None:
    original = KerasModel(LOADED[how](folder))
    kernels = [value for name, value in original.variables.items() if name.endswith("first/kernel")]
    assert [0.5 <= kernel.min() <= kernel.max() <= 1 for kernel in kernels] == [True]
    report = judged(original, Plain())
    assert report.passed, report.first_failure
    assert all(t.accumulated.function.relative < 1e-14 for t in report.taps if t.accumulated)
    assert "norm" in str(judged(original, Plain(eps=1e-5)).first_failure)


def test_what_a_file_cannot_give_is_refused_in_one_line(folder: Path) -> None:
    row = layers.Input((4,))
    lambda_ = keras.Model(row, layers.Lambda(lambda x: x + 1)(row))
    lambda_.save(folder / "lambda.keras")
    own = keras.Model(row, Scaled()(row))
    own.save(folder / "own.keras")
    (folder / "broken.keras").write_bytes(b"no zip")
    for name, told in {
        "lambda.keras": "holds a Lambda layer, whose code is not run",
        "own.keras": "cannot be loaded .*; build the model in a function",
        "broken.keras": "cannot be loaded",
        "none.keras": "no such file",
        "model.h5": "no .keras file",
    }.items():
        with pytest.raises(InputError, match=f"{name}: {told}") as said:
            KerasModel(folder / name)
        assert "\n" not in str(said.value)


class Scaled(layers.Layer):
    """With a variable of TensorFlow's own, of a dtype of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = tf.Variable(np.float32([0.3, 1.1, 0.7, 2.3]), name="scale")

    def call(self, x: Any) -> Any:
        return x * self.scale


def of_fixed_dtype() -> keras.Model:
    row = layers.Input((4,))
    x = layers.Dense(2, name="last")(Scaled(name="scaled")(row))
    return keras.Model(row, layers.Activation("softmax", dtype="float32", name="soft")(x))


class OfFixedDtype(nn.Module):
    def __init__(self, axis: int = -1) -> None:
        super().__init__()
        self.scale, self.last = nn.Parameter(torch.ones(4)), nn.Linear(4, 2)
        self.soft = nn.Softmax(axis)

    def forward(self, x: Tensor) -> Tensor:
        return self.soft(self.last(x * self.scale))


def siamese() -> keras.Model:
    left, right = layers.Input((4,), name="left"), layers.Input((4,), name="right")
    row = layers.Input((4,))
    x = layers.Dense(5, activation="relu", name="inner")(row)
    tower = keras.Model(row, layers.Dense(3, name="outer")(x), name="tower")
    apart = ops.abs(tower(left) - tower(right))
    return keras.Model([left, right], layers.Dense(2, name="last")(apart))


class Siamese(nn.Module):
    def __init__(self, signed: bool = False) -> None:
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
        self.last, self.signed = nn.Linear(3, 2), signed

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        apart = self.tower(left) - self.tower(right)
        return self.last(apart if self.signed else apart.abs())


class Forgetful(Siamese):
    """The second call goes without the activation inside."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        left = self.tower(left)
        return self.last((left - self.tower[2](self.tower[0](right))).abs())


class RightFirst(Siamese):
    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        right = self.tower(right)
        return self.last((self.tower(left) - right).abs())


def twice() -> keras.Model:
    row = layers.Input((4,))
    shared = layers.Dense(4, activation="tanh", name="shared")
    return keras.Model(row, layers.Dense(2, name="last")(shared(shared(row))))


class Twice(nn.Module):
    def __init__(self, times: int = 2) -> None:
        super().__init__()
        self.shared, self.act, self.last = nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times):
            x = self.act(self.shared(x))
        return self.last(x)


def of_functions() -> keras.Model:
    """Lambda, operations, a nested frozen model, and a sequential one inside."""
    row = layers.Input((4,))
    inner = layers.Input((4,))
    frozen = keras.Model(inner, layers.Dense(6, name="dense")(inner), name="frozen")
    frozen.trainable = False
    x = layers.Lambda(lambda x: x * 0.1 + 0.7, name="affine")(row)
    x = ops.maximum(frozen(x), 0.3) / 3.0
    inside = keras.Sequential(
        [layers.Dense(5, activation="elu", name="a"), layers.Dense(3, name="b")], name="inside"
    )
    return keras.Model(row, inside(x))


class OfFunctions(nn.Module):
    def __init__(self, least: float = 0.3) -> None:
        super().__init__()
        self.frozen, self.a, self.act = nn.Linear(4, 6), nn.Linear(6, 5), nn.ELU()
        self.b, self.least = nn.Linear(5, 3), least

    def forward(self, x: Tensor) -> Tensor:
        x = self.frozen(x * 0.1 + 0.7).clamp(min=self.least) / 3
        return self.b(self.act(self.a(x)))


PAIR = {"left": ROWS, "right": OTHERS}
# Whatever is given to `KerasModel`; inputs; a right port; wrong ones and where they first fail.
MODELS: dict[str, tuple[Any, Any, nn.Module, dict[str, nn.Module]]] = {
    "a dtype of its own": (of_fixed_dtype, ROWS, OfFixedDtype(), {"soft": OfFixedDtype(0)}),
    "siamese": (
        siamese,
        PAIR,
        Siamese(),
        {"absolute": Siamese(True), "tower/inner#2": Forgetful()},
    ),
    "siamese, the right one first": (siamese, PAIR, RightFirst(), {}),
    "one layer twice": (twice, ROWS, Twice(), {"shared#2": Twice(1)}),
    "functions": (of_functions, ROWS, OfFunctions(), {"maximum": OfFunctions(0.5)}),
}


@pytest.mark.parametrize("case", MODELS)
def test_models_of_every_kind(case: str) -> None:
    build, inputs, right, wrong = MODELS[case]
    original = KerasModel(build, seed=0)
    report = judged(original, right, inputs)
    assert report.passed, report.first_failure
    assert report.about.matching and not report.about.matching.not_compared
    for tap, port in wrong.items():
        assert judged(original, port, inputs).first_failure == tap


def test_a_model_with_a_lambda_is_copied_with_its_function() -> None:
    seven = 0.7
    row = layers.Input((4,))
    inner = keras.Sequential([layers.Input((4,)), layers.Lambda(lambda x: ops.tanh(x) * seven)])
    model = keras.Model(row, layers.Dense(2, name="last")(inner(row)))
    port = nn.Sequential(nn.Tanh(), nn.Linear(4, 2))
    original = KerasModel(model)
    assert not judged(original, port).passed
    scaled = nn.Sequential(nn.Tanh(), Times(seven), nn.Linear(4, 2))
    assert judged(original, scaled).passed


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class NoConfig(keras.Model):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.dense = layers.Dense(size)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def raises() -> Any:
    return layers.Dense(2)(layers.Dense(3))


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "built by nothing": (lambda: NoConfig(2), "give the function that builds it"),
    "an error of Keras'": (lambda: raises, "the original cannot be built: "),
    "no model": (lambda: lambda: 3, "returns a int, no Keras model"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_errors_of_keras_are_told_in_one_line(case: str) -> None:
    make, told = REFUSED[case]
    with pytest.raises(InputError, match=told) as said:
        judged(KerasModel(make()), nn.Linear(4, 2))
    assert "\n" not in str(said.value)
